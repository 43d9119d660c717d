//! Where this reader and tshark differ, and why. An entry that no longer occurs fails the test.

/// File, kind of difference, reason.
pub(crate) const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "suricata-verify/tests__drop-protocol-change__input-a73b63.pcap",
        "frame not seen as TCP",
        "Data Offset 2: RFC 9293 has it discarded; tshark shows ports and sequence number and opens a stream",
    ),
    ("suricata-verify/tests__drop-protocol-change__input-a73b63.pcap", "streams", "the same frame"),
    (
        "suricata-verify/tests__mac-eve-packet__test-379871.pcap",
        "frame not seen as TCP",
        "Data Offset 6 in an IP packet of 40 octets: the options lie beyond its end",
    ),
    ("suricata-verify/tests__mac-eve-packet__test-379871.pcap", "streams", "the same frames"),
    (
        "dpkt/examples__data__nb6-http-8af474.pcap",
        "frame not seen as TCP",
        "TCP inside IPv6 inside L2TP inside UDP: UDP tunnels are not looked into",
    ),
    ("dpkt/examples__data__nb6-http-8af474.pcap", "streams", "the same frames"),
    (
        "libpcap/tests__filter__AH-IPcomp-IPv6-a9a1af.pcap",
        "frame not seen as TCP",
        "IPComp: its payload is compressed by definition (RFC 3173); tshark looks inside when it is not",
    ),
    (
        "tcpdump/tests__bigtcp-ipv6-6ae8da.pcap",
        "frame not TCP for tshark",
        "BIG TCP, IPv6 Payload Length 0 without a jumbo option: tshark 4.0 names TCP but shows no field of it",
    ),
    ("tcpdump/tests__bigtcp-ipv6-6ae8da.pcap", "streams", "the same frame"),
];

/// Captures that really have octets sent twice with different content, as seen by eye in tshark: file, why.
pub(crate) const ALTERED: &[(&str, &str)] = &[
    (
        "PcapPlusPlus/Tests__Packet_Test__PacketExamples__Bgp_open_malformed-a37fdf.pcapng",
        "four malformed OPEN messages written by hand, all with one sequence number",
    ),
    (
        "PcapPlusPlus/Tests__Packet_Test__PacketExamples__Ftp-5158cd.pcap",
        "put together by hand: frame 3 says USER, frame 7 says FEAT at the same sequence number",
    ),
    ("tcpdump/tests__kday3-71ea94.pcap", "from a fuzzer: frame 9 is frame 5 with octets changed"),
    (
        "zeek/testing__btest__Traces__tcp__qi_internet_SYNACK_curl_jsonip-3a744d.pcap",
        "a Quantum Insert attack: frame 5 is injected, frame 9 is what the server said",
    ),
];
