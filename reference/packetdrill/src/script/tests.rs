use super::*;

fn step(text: &str) -> Step {
    Script::parse(text).unwrap().steps.remove(0)
}

fn error(text: &str) -> (usize, usize, String, String) {
    let error = Script::parse(text).unwrap_err();
    (error.line, error.column, error.expected, error.found)
}

#[test]
fn segment_with_every_part() {
    let found = step(
        "+.1~+.25 > [ect0] SEW. 5:15(10) ack 1 win 65535 urg 3 <mss 1460,sackOK,TS val 7 ecr 8,nop,wscale 9>",
    );
    assert_eq!(found.when, When::AfterBetween(Duration::from_millis(100), Duration::from_millis(250)));
    let Action::Expect(packet) = found.action else { panic!("{found:?}") };
    let flags = Flags::SYN.union(Flags::ECE).union(Flags::CWR).union(Flags::ACK);
    let expected = Packet {
        ecn: EcnPattern::Is(2),
        flags,
        seq: 5,
        len_octets: 10,
        ack: 1,
        window: Some(65535),
        urgent: 3,
        options: Some(vec![
            OptionPattern::MaximumSegmentSize(1460),
            OptionPattern::SackPermitted,
            OptionPattern::Timestamps { value: 7, echo_reply: 8 },
            OptionPattern::NoOperation,
            OptionPattern::WindowScale(9),
        ]),
        ports: None,
    };
    assert_eq!(packet, expected);
}

#[test]
fn options_end_before_the_next_arrow() {
    let script = Script::parse(
        "0 < S 0:0(0) win 10\n+0 > S. 0:0(0) ack 1 <...>\n+0 < . 1:1(0) ack 1 <nop,nop,sack 1:2 5:6>",
    )
    .unwrap();
    let options: Vec<_> = script
        .steps
        .iter()
        .map(|step| match &step.action {
            Action::Inject(packet) | Action::Expect(packet) => packet.options.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    let nop = OptionPattern::NoOperation;
    let sack = OptionPattern::Sack(vec![(1, 2), (5, 6)]);
    assert_eq!(options, [Some(vec![]), None, Some(vec![nop.clone(), nop, sack])]);
}

#[test]
fn generic_option() {
    let Action::Inject(packet) = step("0 < S 0:0(0) win 1 <gen-253 5053ff>").action else { panic!() };
    let expected = OptionPattern::Generic { kind: 253, body: vec![0x50, 0x53, 0xff] };
    assert_eq!(packet.options, Some(vec![expected]));
}

#[test]
fn call_with_nested_values() {
    let text = "+0...0.5 connect(3, {sa_family = AF_INET, sin_port = htons(8080), sin_addr = inet_addr(\"192.0.2.1\")}, ...)\n = -1 EINPROGRESS (Operation now in progress)";
    let Action::Call(call) = step(text).action else { panic!() };
    assert_eq!((call.name.as_str(), call.ends), ("connect", Some(Duration::from_millis(500))));
    assert_eq!((&call.result, call.errno), (&Value::Int(-1), Some(Errno::EINPROGRESS)));
    let record = Value::Record(vec![
        ("sa_family".into(), Value::Int(2)),
        ("sin_port".into(), Value::Int(8080)),
        ("sin_addr".into(), Value::Text("192.0.2.1".into())),
    ]);
    assert_eq!(call.arguments, [Value::Int(3), record, Value::Ellipsis]);
}

#[test]
fn numbers_are_joined_by_a_bar() {
    let Action::Call(call) = step("0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0").action else { panic!() };
    // Linux: O_RDWR is 02, O_NONBLOCK 04000.
    assert_eq!(call.arguments[2], Value::Int(0o4002));
}

#[test]
fn errors_name_the_place() {
    let comment = "// one\n/* two\n three */ 0 < X. 1:1(0) ack 1";
    assert_eq!(
        error(comment),
        (3, 15, "control bits: letters of SFRPUEW and `.`, or `-` for none".into(), "`X.`".into())
    );
    assert_eq!(error("0 < . 1:5(3) ack 1"), (1, 7, "an end of 1 + 3".into(), "`1:5(3)`".into()));
    let (line, column, expected, found) = error("`sysctl -q x`\n0 close(3) = 0");
    assert_eq!((line, column, found.as_str()), (1, 1, "``sysctl`"));
    assert!(expected.contains("shell commands"), "{expected}");
    let (_, _, expected, _) = error("0~1 close(3) = 0");
    assert!(expected.contains("only for what is expected"), "{expected}");
    let (_, _, expected, _) = error("0 < . 1:1(0) ack 1 <...>");
    assert!(expected.contains("only for what is expected"), "{expected}");
    let (_, column, expected, found) = error("0 socket(..., SOCK_STREAMM, 0) = 3");
    assert_eq!((column, found.as_str()), (15, "`SOCK_STREAMM,`"));
    assert!(expected.contains("name that is known"), "{expected}");
}
