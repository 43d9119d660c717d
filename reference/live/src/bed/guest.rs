//! A virtual machine of QEMU as host a: its disk, its kernel, its snapshots.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::bed::program::{Output, Running};
use crate::bed::{Bed, End, UPLINK, wait_until};
use crate::trouble::Trouble;

/// The package that names the present kernel.
const KERNEL_PACKAGE: &str = "linux-image-cloud-amd64";
/// Modules of the guest, in the order in which they are loaded; what the kernel has in itself is not there as a file.
const MODULES: [&str; 9] = [
    "virtio_ring.ko",
    "virtio.ko",
    "virtio_pci_legacy_dev.ko",
    "virtio_pci_modern_dev.ko",
    "virtio_pci.ko",
    "failover.ko",
    "net_failover.ko",
    "virtio_net.ko",
    "tun.ko",
];
/// Memory of the guest, in MiB.
const MEMORY_MIB: u32 = 384;
/// The name of a snapshot.
const SNAPSHOT: &str = "older";
/// What the monitor of QEMU ends each answer with.
const PROMPT: &str = "(qemu) ";
/// How long the monitor may take: a snapshot writes the whole memory.
const MONITOR_PATIENCE: Duration = Duration::from_secs(30);

/// Everything that a guest is started from.
#[derive(Debug)]
pub(crate) struct Image {
    kernel: PathBuf,
    initramfs: PathBuf,
    disk: PathBuf,
    monitor: PathBuf,
}

/// A guest that runs.
#[derive(Debug)]
pub(crate) struct Guest {
    /// QEMU; its standard streams are a serial port of the guest.
    pub(crate) qemu: Running,
    monitor: PathBuf,
}

impl Image {
    /// Makes one in `folder`, in which `line` runs; the kernel is downloaded into `cache` unless it is there.
    pub(crate) fn make(folder: &Path, cache: &Path, line: &[String]) -> Result<Self, Trouble> {
        let unpacked = kernel(cache)?;
        let root = folder.join("initramfs");
        for part in ["bin", "dev", "proc", "sys", "modules"] {
            fs::create_dir_all(root.join(part)).map_err(Trouble::system("folders of the guest"))?;
        }
        let copy = |from: &Path, to: &Path| {
            fs::copy(from, to).map(drop).map_err(Trouble::system(format!("copy of {}", from.display())))
        };
        copy(&in_path("busybox")?, &root.join("bin/busybox"))?;
        let mut loads = String::new();
        for module in MODULES {
            let found =
                tool("find", &[&unpacked.display().to_string(), "-name", &format!("{module}*")], None)?;
            if let Some(found) = found.lines().next() {
                let name = Path::new(found).file_name().unwrap_or_default().to_string_lossy().into_owned();
                copy(Path::new(found), &root.join("modules").join(&name))?;
                loads.push_str(&format!("busybox insmod /modules/{name}\n"));
            }
        }
        let program = line.first().map(PathBuf::from).unwrap_or_default();
        copy(&program, &root.join("bin/hiatus-live"))?;
        copy_libraries(&program, &root)?;
        let init = root.join("init");
        fs::write(&init, init_script(&loads, &line[1..])).map_err(Trouble::system("init of the guest"))?;
        tool("chmod", &["755", &init.display().to_string()], None)?;
        let initramfs = folder.join("initramfs.cpio.gz");
        let pack = "find . | cpio --quiet -o -H newc | busybox gzip -1 > ../initramfs.cpio.gz";
        tool("sh", &["-c", pack], Some(&root))?;
        let disk = folder.join("disk.qcow2");
        tool("qemu-img", &["create", "-q", "-f", "qcow2", &disk.display().to_string(), "1G"], None)?;
        let kernel = tool("find", &[&unpacked.display().to_string(), "-name", "vmlinuz-*"], None)?;
        let kernel = PathBuf::from(kernel.lines().next().unwrap_or_default());
        Ok(Self { kernel, initramfs, disk, monitor: folder.join("monitor") })
    }

    /// Starts a guest, or goes on from the snapshot.
    pub(crate) fn start(&self, bed: &Bed, from: From) -> Result<Guest, Trouble> {
        let (memory, port) = (MEMORY_MIB.to_string(), End::A.port());
        let net = format!("tap,id=net,ifname={port},script=no,downscript=no");
        let monitor = format!("unix:{},server,nowait", self.monitor.display());
        let drive = format!("if=none,format=qcow2,file={}", self.disk.display());
        let console = format!("file:{}", bed.folder().join("guest-console.log").display());
        let mut line: Vec<String> =
            ["qemu-system-x86_64", "-accel", "tcg", "-m", &memory, "-display", "none"]
                .into_iter()
                .chain(["-kernel", &self.kernel.display().to_string()])
                .chain(["-initrd", &self.initramfs.display().to_string()])
                .chain(["-append", "console=ttyS0 quiet panic=-1", "-no-reboot"])
                .chain(["-netdev", &net, "-device", "virtio-net-pci,netdev=net"])
                .chain(["-drive", &drive, "-monitor", &monitor, "-serial", &console, "-serial", "stdio"])
                .map(str::to_owned)
                .collect();
        if from == From::Snapshot {
            line.extend(["-loadvm".to_owned(), SNAPSHOT.to_owned()]);
        }
        let qemu = Running::start(bed.router(), bed.folder(), "qemu", &line, &Output::Lines)?;
        Ok(Guest { qemu, monitor: self.monitor.clone() })
    }
}

/// What a guest begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// Its kernel.
    Kernel,
    /// The snapshot.
    Snapshot,
}

impl Guest {
    /// Saves memory and devices.
    pub(crate) fn save(&self) -> Result<Duration, Trouble> {
        let begun = Instant::now();
        let mut monitor = UnixStream::connect(&self.monitor).map_err(Trouble::system("monitor of QEMU"))?;
        monitor.set_read_timeout(Some(MONITOR_PATIENCE)).map_err(Trouble::system("monitor of QEMU"))?;
        read_until_prompt(&mut monitor)?;
        writeln!(monitor, "savevm {SNAPSHOT}").map_err(Trouble::system("monitor of QEMU"))?;
        let said = read_until_prompt(&mut monitor)?;
        match said.lines().find(|line| line.contains("Error")) {
            Some(error) => Err(Trouble::unexpected("savevm", "a snapshot", error)),
            None => Ok(begun.elapsed()),
        }
    }
}

fn read_until_prompt(monitor: &mut UnixStream) -> Result<String, Trouble> {
    let (mut text, mut buffer) = (String::new(), [0; 1024]);
    while !text.ends_with(PROMPT) {
        let count = monitor.read(&mut buffer).map_err(Trouble::system("monitor of QEMU"))?;
        if count == 0 {
            return Err(Trouble::unexpected("monitor of QEMU", "a prompt", "its end"));
        }
        text.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    Ok(text)
}

/// The unpacked package of the present kernel.
fn kernel(cache: &Path) -> Result<PathBuf, Trouble> {
    let unpacked = cache.join("kernel");
    if unpacked.join("boot").is_dir() {
        return Ok(unpacked);
    }
    let impossible = |trouble: Trouble| Trouble::Impossible(format!("no kernel for the guest: {trouble}"));
    fs::create_dir_all(cache).map_err(Trouble::system(format!("folder {}", cache.display())))?;
    let depends = tool("apt-cache", &["depends", KERNEL_PACKAGE], None).map_err(impossible)?;
    let package = depends.lines().find_map(|line| line.trim().strip_prefix("Depends: "));
    let package = package.ok_or_else(|| {
        Trouble::Impossible(format!("no kernel for the guest: {KERNEL_PACKAGE} names none"))
    })?;
    tool("apt-get", &["-qq", "download", package], Some(cache)).map_err(impossible)?;
    let unpack = format!("dpkg -x {package}_*.deb kernel.new && mv kernel.new kernel && rm {package}_*.deb");
    tool("sh", &["-c", &unpack], Some(cache))?;
    Ok(unpacked)
}

/// What the program is linked with, where its loader looks for it.
fn copy_libraries(program: &Path, root: &Path) -> Result<(), Trouble> {
    let listed = tool("ldd", &[&program.display().to_string()], None)?;
    for path in listed.split_whitespace().filter(|word| word.starts_with('/')) {
        let to = root.join(path.trim_start_matches('/'));
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(Trouble::system("folders of the guest"))?;
        }
        fs::copy(path, &to).map_err(Trouble::system(format!("copy of {path}")))?;
    }
    Ok(())
}

/// What the guest does: its network, and then the program on its second serial port.
fn init_script(loads: &str, rest: &[String]) -> String {
    format!(
        "#!/bin/busybox sh\n\
         export PATH=/bin\n\
         busybox mount -t devtmpfs none /dev\n\
         busybox mount -t proc none /proc\n\
         busybox mount -t sysfs none /sys\n\
         {loads}\
         busybox ip link set lo up\n\
         busybox ip address add {kernel}/25 dev {UPLINK}\n\
         busybox ip link set {UPLINK} up\n\
         busybox ip route add default via {gateway}\n\
         echo 1 > /proc/sys/net/ipv4/ip_forward\n\
         busybox stty -F /dev/ttyS1 raw -echo\n\
         exec hiatus-live {line} --tun-address={tun}/25 < /dev/ttyS1 > /dev/ttyS1 2> /dev/console\n",
        kernel = End::A.kernel(),
        gateway = End::A.gateway(),
        line = rest.join(" "),
        tun = End::A.tun(),
    )
}

fn in_path(program: &str) -> Result<PathBuf, Trouble> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.is_file());
    found.ok_or_else(|| Trouble::Impossible(format!("not installed: {program}")))
}

/// Runs a program of the system; gives what it said.
fn tool(program: &str, arguments: &[&str], folder: Option<&Path>) -> Result<String, Trouble> {
    let line = format!("{program} {}", arguments.join(" "));
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    if let Some(folder) = folder {
        command.current_dir(folder);
    }
    let output = command.output().map_err(Trouble::system(line.clone()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
    Err(Trouble::Tool { line, said })
}

/// Waits until QEMU can be asked.
pub(crate) fn wait_for_monitor(guest: &Guest) -> Result<(), Trouble> {
    wait_until("the monitor of QEMU", MONITOR_PATIENCE, || Ok(guest.monitor.exists()))
}
