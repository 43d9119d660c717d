/*
 * Hiatus: a TCP whose connections survive power cuts, long suspension, snapshot and rollback. No I/O: packets, commands and
 * time go in, packets, events and the time of the next timeout come out.
 *
 * What holds for every call:
 *
 * - It returns HIATUS_OK (0), another value above 0 that is no mistake, or an error below 0. After an error nothing has
 *   changed, but for HIATUS_ERROR_CALLBACK and HIATUS_ERROR_BROKEN, and nothing was written through a pointer.
 *   hiatus_strerror() names the value, hiatus_error() says what was wrong in the latest call that failed.
 * - A pointer is valid and aligned for its type, and what is written to does not overlap anything else that the call is
 *   given. NULL is an error where it is not said to be allowed. Pointers are used during the call only, and not kept.
 * - now_us is the time in microseconds since any origin; it never runs backwards within one life of a host.
 * - Lengths of the caller's memory are size_t; everything else has a fixed width. Ports are in host byte order. Reserved
 *   fields are 0.
 * - An endpoint belongs to one thread at a time. A call on it from a callback of its own gives HIATUS_ERROR_BUSY. Callbacks
 *   return: no longjmp, no exception.
 * - Names of connections and listeners are never 0, and never mean another one later.
 *
 * Made by cbindgen from the sources in reference/capi/src; do not edit.
 */


#ifndef HIATUS_H
#define HIATUS_H

#include <stddef.h>
#include <stdint.h>

// Room that hiatus_poll_packet() needs at least: the longest packet without data.
#define HIATUS_PACKET_OCTETS_MIN 100

// Octets of a record of a connection with empty buffers, at least. With all that its buffers and what it retains hold, at
// most.
#define HIATUS_RECORD_OCTETS_MIN 228

// The version of this header. What is linked has the same if hiatus_version() gives the same.
#define HIATUS_VERSION 1

// S: this end may fall silent for long.
#define HIATUS_OFFER_S 1

// N: this end may come back with an older state, so it is snapshotted and can be restored. It means S, too.
#define HIATUS_OFFER_N 2

// K: this end keeps acknowledged octets for a peer with N.
#define HIATUS_OFFER_K 4

// In window_scale: no scaling is offered.
#define HIATUS_NO_WINDOW_SCALE 255

// What a call returns: 0, a value above it that is no mistake, or an error below it.
enum hiatus_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // Done.
    HIATUS_OK = 0,
    // There is nothing of the kind now: no packet, event, timeout, connection or octet.
    HIATUS_NOTHING = 1,
    // Everything that the peer sent has been read, its FIN included: the end of the stream.
    HIATUS_END = 2,
    // A pointer is NULL, or not aligned.
    HIATUS_ERROR_POINTER = -1,
    // A value is out of the range that the header gives for it.
    HIATUS_ERROR_RANGE = -2,
    // The caller's memory is too short for what was to be written.
    HIATUS_ERROR_ROOM = -3,
    // The endpoint is in a call already, whose callback this call came from.
    HIATUS_ERROR_BUSY = -4,
    // The library has failed within a call, which is a defect of it. The endpoint can only be freed.
    HIATUS_ERROR_BROKEN = -5,
    // A callback returned something else than 0.
    HIATUS_ERROR_CALLBACK = -6,
    // No connection has this name, or it is over.
    HIATUS_ERROR_NO_CONNECTION = -7,
    // No listener has this name.
    HIATUS_ERROR_NO_LISTENER = -8,
    // This direction is closed already.
    HIATUS_ERROR_CLOSING = -9,
    // Address and port are taken: by a listener, or by a connection between the same ends.
    HIATUS_ERROR_TAKEN = -10,
    // The addresses are of two families, or one is not that of a host.
    HIATUS_ERROR_ADDRESS = -11,
    // No ephemeral port is free.
    HIATUS_ERROR_NO_PORT = -12,
    // A bound of the endpoint is reached: connections, or 65,536 configurations.
    HIATUS_ERROR_FULL = -13,
    // The endpoint waits to be restored.
    HIATUS_ERROR_RESTORING = -14,
    // The endpoint does not wait to be restored: it may have sent something already.
    HIATUS_ERROR_NOT_RESTORING = -15,
    // A record is damaged, of another version, later than the epoch, or there twice. Nothing was restored.
    HIATUS_ERROR_RECORD = -16,
    // An incarnation is not greater than every earlier one, or a nonce is 0.
    HIATUS_ERROR_NOT_NEWER = -17,
    // Hiatus is not on for this connection.
    HIATUS_ERROR_HIATUS_OFF = -18,
    // This end did not offer S, so it may not fall silent.
    HIATUS_ERROR_NOT_OFFERED = -19,
    // It is suspended already.
    HIATUS_ERROR_SUSPENDED = -20,
    // All 65,536 generations of this incarnation are used: hiatus_resume_anew() takes a new incarnation.
    HIATUS_ERROR_GENERATIONS_EXHAUSTED = -21,
    // A new incarnation although generations are left: hiatus_resume() takes the next.
    HIATUS_ERROR_GENERATIONS_LEFT = -22,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum hiatus_status hiatus_status;
#else
typedef int32_t hiatus_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What happened to a connection.
enum hiatus_event_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // Not one that this header knows.
    HIATUS_EVENT_UNKNOWN = 0,
    // The handshake is over: octets flow. One of a listener waits for hiatus_accept().
    HIATUS_EVENT_CONNECTED = 1,
    // Both ends speak Hiatus.
    HIATUS_EVENT_HIATUS_ON = 2,
    // The connection is plain TCP for good: reason is a hiatus_fallback_reason.
    HIATUS_EVENT_FELL_BACK = 3,
    // The peer announced its absence; the connection is held for duration_us from now.
    HIATUS_EVENT_PEER_SUSPENDED = 4,
    // The peer fell silent and may be away; the connection is held for duration_us from now.
    HIATUS_EVENT_PEER_PRESUMED_SUSPENDED = 5,
    // The peer is there again.
    HIATUS_EVENT_PEER_RESUMED = 6,
    // The peer knows that this end goes away, and holds the connection for duration_us; 0 if it refused.
    HIATUS_EVENT_SUSPEND_ACKNOWLEDGED = 7,
    // This end is back and in step with its peer.
    HIATUS_EVENT_RESUMED = 8,
    // Octets that the peer acknowledged were given up: it cannot come back older than them.
    HIATUS_EVENT_SHED = 9,
    // Both directions are closed and acknowledged. The connection is kept for duration_us at most, because one end may
    // still come back older.
    HIATUS_EVENT_LINGERING = 10,
    // Octets or the end of the stream can be read.
    HIATUS_EVENT_READABLE = 11,
    // There is room in the send buffer after it was full.
    HIATUS_EVENT_WRITABLE = 12,
    // The peer will send no more: its FIN arrived.
    HIATUS_EVENT_PEER_CLOSED = 13,
    // What was sent stays unanswered, and is sent again. Once until the peer answers.
    HIATUS_EVENT_UNANSWERED = 14,
    // The network reports an error that may pass: reason is a hiatus_network_error, detail an MTU in octets or 0.
    HIATUS_EVENT_NETWORK_ERROR = 15,
    // The connection is over, and no event follows: reason is a hiatus_close_reason.
    HIATUS_EVENT_CLOSED = 16,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum hiatus_event_kind hiatus_event_kind;
#else
typedef uint32_t hiatus_event_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// The state of RFC 9293.
enum hiatus_tcp_state
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // CLOSED.
    HIATUS_TCP_CLOSED = 0,
    // LISTEN.
    HIATUS_TCP_LISTEN = 1,
    // SYN-SENT.
    HIATUS_TCP_SYN_SENT = 2,
    // SYN-RECEIVED.
    HIATUS_TCP_SYN_RECEIVED = 3,
    // ESTABLISHED.
    HIATUS_TCP_ESTABLISHED = 4,
    // FIN-WAIT-1.
    HIATUS_TCP_FIN_WAIT_1 = 5,
    // FIN-WAIT-2.
    HIATUS_TCP_FIN_WAIT_2 = 6,
    // CLOSE-WAIT.
    HIATUS_TCP_CLOSE_WAIT = 7,
    // CLOSING.
    HIATUS_TCP_CLOSING = 8,
    // LAST-ACK.
    HIATUS_TCP_LAST_ACK = 9,
    // TIME-WAIT.
    HIATUS_TCP_TIME_WAIT = 10,
    // LINGER, in place of CLOSED: both directions are over, and the connection is kept.
    HIATUS_TCP_LINGER = 11,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum hiatus_tcp_state hiatus_tcp_state;
#else
typedef uint32_t hiatus_tcp_state;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// How far the negotiation of Hiatus is.
enum hiatus_hiatus_state
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // Plain TCP, for good.
    HIATUS_NEGOTIATION_OFF = 0,
    // Not decided yet.
    HIATUS_NEGOTIATION_NEGOTIATING = 1,
    // On.
    HIATUS_NEGOTIATION_ON = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum hiatus_hiatus_state hiatus_hiatus_state;
#else
typedef uint32_t hiatus_hiatus_state;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Whether this end is there (SELF in the draft).
enum hiatus_self_state
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // It is.
    HIATUS_SELF_UP = 0,
    // It is about to go away, or away.
    HIATUS_SELF_LEAVING = 1,
    // It is back, and not yet in step with its peer.
    HIATUS_SELF_RESUMING = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum hiatus_self_state hiatus_self_state;
#else
typedef uint32_t hiatus_self_state;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Whether the other end is there (PEER in the draft).
enum hiatus_peer_state
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // It is.
    HIATUS_PEER_UP = 0,
    // It announced its absence.
    HIATUS_PEER_HELD = 1,
    // It fell silent.
    HIATUS_PEER_PRESUMED = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum hiatus_peer_state hiatus_peer_state;
#else
typedef uint32_t hiatus_peer_state;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Why a connection is over. Never mistaken for the end of a stream: that is HIATUS_EVENT_PEER_CLOSED.
enum hiatus_close_reason
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // Not one that this header knows.
    HIATUS_CLOSE_REASON_UNKNOWN = 0,
    // Both directions were closed and acknowledged.
    HIATUS_CLOSE_REASON_FINISHED = 1,
    // The owner aborted.
    HIATUS_CLOSE_REASON_ABORTED = 2,
    // A bare RST arrived.
    HIATUS_CLOSE_REASON_RESET = 3,
    // The peer answered the SYN by a reset.
    HIATUS_CLOSE_REASON_REFUSED = 4,
    // The peer sent ABORT: detail is its reason, 1 FENCED, 2 GONE, 3 DIVERGED, 4 LOST, 5 SHED, 6 APPLICATION.
    HIATUS_CLOSE_REASON_ABORTED_BY_PEER = 5,
    // This end sent ABORT for a reason of the protocol: detail is the reason.
    HIATUS_CLOSE_REASON_ABORTED_HERE = 6,
    // RESUMEs met bare RSTs: the peer has no state of the connection.
    HIATUS_CLOSE_REASON_PEER_HAS_NO_STATE = 7,
    // What was sent went unanswered for too long.
    HIATUS_CLOSE_REASON_NO_ANSWER = 8,
    // The network refused the attempt to connect: detail is a hiatus_network_error.
    HIATUS_CLOSE_REASON_UNREACHABLE = 9,
    // This end was restored, but its peer answers as plain TCP.
    HIATUS_CLOSE_REASON_PEER_IS_PLAIN = 10,
    // The peer stayed away for longer than the connection is held.
    HIATUS_CLOSE_REASON_HOLD_OVER = 11,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum hiatus_close_reason hiatus_close_reason;
#else
typedef uint32_t hiatus_close_reason;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Why a connection is plain TCP.
enum hiatus_fallback_reason
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // Not one that this header knows.
    HIATUS_FALLBACK_UNKNOWN = 0,
    // The peer's SYN or SYN/ACK carried no usable CAPABLE.
    HIATUS_FALLBACK_NOT_OFFERED = 1,
    // Both ends sent a SYN.
    HIATUS_FALLBACK_SIMULTANEOUS_OPEN = 2,
    // The first segment after the SYN carried no long CAPABLE.
    HIATUS_FALLBACK_CAPABLE_STRIPPED = 3,
    // No valid EPOCH came although CAPABLE was sent often enough.
    HIATUS_FALLBACK_NO_EPOCH = 4,
    // EPOCH was not echoed although it was sent often enough.
    HIATUS_FALLBACK_NO_ECHO = 5,
    // Six RESUMEs met only plain segments.
    HIATUS_FALLBACK_RESUME_MET_PLAIN = 6,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum hiatus_fallback_reason hiatus_fallback_reason;
#else
typedef uint32_t hiatus_fallback_reason;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What an ICMP error says.
enum hiatus_network_error
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // Not one that this header knows.
    HIATUS_NETWORK_UNKNOWN = 0,
    // No route to the network, or to the host.
    HIATUS_NETWORK_NO_ROUTE = 1,
    // The host, or its address, is not reached.
    HIATUS_NETWORK_HOST_UNREACHABLE = 2,
    // A source route failed.
    HIATUS_NETWORK_SOURCE_ROUTE_FAILED = 3,
    // The hop limit or the time for reassembly ran out.
    HIATUS_NETWORK_TIME_EXCEEDED = 4,
    // A field of the IP header is not understood.
    HIATUS_NETWORK_PARAMETER_PROBLEM = 5,
    // A policy forbids it.
    HIATUS_NETWORK_PROHIBITED = 6,
    // The host knows no TCP.
    HIATUS_NETWORK_PROTOCOL_UNREACHABLE = 7,
    // Nobody listens there.
    HIATUS_NETWORK_PORT_UNREACHABLE = 8,
    // The packet is larger than the next hop takes.
    HIATUS_NETWORK_PACKET_TOO_BIG = 9,
    // Source Quench, which nobody heeds any more.
    HIATUS_NETWORK_SOURCE_QUENCH = 10,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum hiatus_network_error hiatus_network_error;
#else
typedef uint32_t hiatus_network_error;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// An endpoint: connections and listeners of one host. Opaque.
typedef struct hiatus_endpoint hiatus_endpoint;

// How much an endpoint takes on. hiatus_limits_default() fills it.
typedef struct {
    // Octets that peers have acknowledged and that are kept for those who may come back older. Beyond it the connection
    // that grows gives up what it retains.
    uint64_t retained_octets_max;
    // The same for one peer.
    uint64_t retained_octets_per_peer_max;
    // Connections in any state. Beyond it a SYN is dropped and hiatus_connect() refused.
    uint32_t connections_max;
    // Connections in TIME-WAIT. Beyond it one ends at once instead.
    uint32_t time_wait_max;
    // Connections kept for peers that are away.
    uint32_t held_max;
    // The same for one peer: an IPv4 address, or an IPv6 prefix of 64 bits.
    uint32_t held_per_peer_max;
    // Events that nobody has polled. Beyond it packets are dropped and timers wait, so that no event is lost.
    uint32_t events_max;
    // Answers to segments of no connection that wait to be sent; beyond it none is made.
    uint32_t answers_max;
    // RSTs to segments of no connection in one second.
    uint32_t resets_per_second;
    // Restored connections that send RESUME in one second, unless a segment or the application asks for one.
    uint32_t resumes_per_second;
    // Packets that one connection sends before the next one's turn.
    uint32_t packets_per_turn;
    // Segments in one packet, for a driver that cuts it (TCP segmentation offload); 1 for one that does not.
    uint16_t segments_per_packet;
    // 0: packets leave with their TCP checksum. 1: with the sum of the pseudo header in its place; the driver finishes it.
    uint8_t checksum_by_driver;
    // 0.
    uint8_t reserved;
} hiatus_limits;

// How a connection behaves. hiatus_config_default() fills it; change what is to differ.
typedef struct {
    // How long an ACK waits for a second segment, or for data to ride on; below 500 ms. 0 acknowledges at once.
    uint64_t delayed_ack_us;
    // Smallest and largest retransmission timeout.
    uint64_t rto_min_us;
    // See rto_min_us.
    uint64_t rto_max_us;
    // How long data may stay unanswered before the connection is given up.
    uint64_t user_timeout_us;
    // The same for a SYN; three minutes at least count.
    uint64_t syn_timeout_us;
    // How long nothing must have arrived before the first keep-alive; 0 sends none.
    uint64_t keep_alive_idle_us;
    // From one unanswered keep-alive to the next.
    uint64_t keep_alive_interval_us;
    // How long FIN-WAIT-2 lasts after hiatus_close_both().
    uint64_t fin_wait_2_us;
    // Maximum segment lifetime: TIME-WAIT lasts two.
    uint64_t msl_us;
    // Room for octets received and not yet read; 1 at least.
    uint32_t receive_buffer_octets;
    // Room for octets written and not yet acknowledged; 1 at least.
    uint32_t send_buffer_octets;
    // Octets acknowledged and not yet stable that are kept for a peer that may come back older; 1 to 1,500,000,000.
    // Counts where K is offered.
    uint32_t retained_octets_max;
    // How long this end holds a connection for a peer that is away, in seconds; 0 to 1,966,020. Above 32,767 s whole
    // minutes count.
    uint32_t hold_s;
    // The largest segment this end wants to get, in data octets; 64 at least.
    uint16_t mss_octets;
    // The largest IP packet that the own link takes; 0 stands for mss_octets and its headers.
    uint16_t link_mtu_octets;
    // Whether Hiatus is offered: 0 or 1.
    uint8_t hiatus;
    // What is offered: HIATUS_OFFER_S, _N and _K, added up.
    uint8_t offer;
    // Whether octets wait until they are in a durable epoch before they leave: 0 or 1. Without it a rollback below what the
    // peer has received ends the connection (DIVERGED). With it, nothing leaves unless epochs become durable.
    uint8_t hold_send;
    // When received octets are acknowledged. 0: as they come. 1: once they are in a durable epoch, or
    // hiatus_journaled() says so; then the peer need not keep anything.
    uint8_t acknowledge_when_stable;
    // Whether timestamps are offered: 0 or 1. Without them N counts as S.
    uint8_t timestamps;
    // Whether selective acknowledgments are offered: 0 or 1.
    uint8_t sack;
    // The window scale that is offered, 0 to 14, or HIATUS_NO_WINDOW_SCALE.
    uint8_t window_scale;
    // Whether small segments wait for the acknowledgment of what is in flight (Nagle): 0 or 1.
    uint8_t nagle;
    // Whether ECN is offered: 0 or 1.
    uint8_t ecn;
    // Path MTU discovery. 0: none. 1: by what routers say, and by probes where that gets lost. 2: by probes alone.
    uint8_t path_mtu_discovery;
    // Congestion control. 0: NewReno. 1: CUBIC.
    uint8_t congestion;
    // Unanswered keep-alives after which the peer counts as gone; 2 at least count.
    uint8_t keep_alive_probes;
    // What a crash leaves of a connection that is plain TCP. 0: nothing. 1: all of it, if it is restored to the latest epoch
    // that is DURABLE; then nothing of it is sent or acknowledged before it is in a durable epoch.
    uint8_t plain_durable;
    // 0.
    uint8_t reserved[7];
} hiatus_config;

// What must not be guessed of an endpoint. All that is unpredictable of its connections follows from it.
typedef struct {
    // Kept for days, beyond a restart of the host and where nothing is rolled back: a host without state can still tell
    // its peers so.
    uint8_t host[16];
    // Drawn anew for every endpoint.
    uint8_t instance[16];
} hiatus_secrets;

// A packet that was written into the caller's buffer.
typedef struct {
    // Octets from the start of the buffer, the IP header included.
    uint32_t len_octets;
    // Where the TCP header begins: a driver that finishes the checksum sums from there on.
    uint32_t tcp_at;
    // Octets of the headers, IP and TCP.
    uint32_t header_octets;
    // Data octets of one segment at most. If the packet has more, the driver cuts it into pieces of that many.
    uint32_t segment_octets;
} hiatus_packet;

// Names a connection of one endpoint. 0 names none.
typedef uint64_t hiatus_connection;

// Something the owner of a connection should know.
typedef struct {
    // The connection. After HIATUS_EVENT_CLOSED it names none, once all that was received is read.
    hiatus_connection connection;
    // A duration in microseconds where the kind says so, else 0.
    uint64_t duration_us;
    // What happened.
    hiatus_event_kind kind;
    // Why, where the kind says so, else 0.
    uint32_t reason;
    // More of why, else 0.
    uint32_t detail;
    // 0.
    uint32_t reserved;
} hiatus_event;

// Address and port of one end.
typedef struct {
    // The address in network byte order: 4 octets of IPv4 and 12 of 0, or 16 of IPv6.
    uint8_t octets[16];
    // The port in host byte order.
    uint16_t port;
    // 4 or 6.
    uint8_t family;
    // 0.
    uint8_t reserved;
} hiatus_address;

// Bounds of one listener. NULL in its place takes 1,024 and 4,096.
typedef struct {
    // Connections in SYN-RECEIVED. Beyond it a SYN is answered with a cookie, and nothing of it is kept.
    uint32_t half_open_max;
    // Connections that wait for hiatus_accept(). Beyond it the third segment of a handshake is dropped, and comes again.
    uint32_t accept_max;
} hiatus_backlog;

// Names a listener of one endpoint. 0 names none.
typedef uint64_t hiatus_listener;

// What is known of a connection.
typedef struct {
    // This end.
    hiatus_address local;
    // The other end.
    hiatus_address remote;
    // Octets that hiatus_read() would give.
    uint64_t readable_octets;
    // Octets that hiatus_write() would take.
    uint64_t writable_octets;
    // Octets written and not acknowledged, sent or not.
    uint64_t unacknowledged_octets;
    // Octets written that wait for a durable epoch before they may leave (hold_send).
    uint64_t held_octets;
    // Octets that the peer has acknowledged and that are kept for it.
    uint64_t retained_octets;
    // How far the peer's octets have come: a position in its stream, its SYN and its FIN counting one each. What a host
    // that keeps a journal writes before hiatus_journaled() may say so.
    uint64_t received;
    // How far they are acknowledged.
    uint64_t acknowledged;
    // The peer never asks again for what this end sent before this position.
    uint64_t peer_stable;
    // This end never asks again for what it received before this position; 0 before its first durable epoch.
    uint64_t own_stable;
    // The smoothed round-trip time in microseconds; 0 before the first measurement.
    uint64_t smoothed_rtt_us;
    // The retransmission timeout in microseconds.
    uint64_t rto_us;
    // The congestion window.
    uint32_t cwnd_octets;
    // Octets in flight.
    uint32_t flight_octets;
    // The state of RFC 9293.
    hiatus_tcp_state tcp;
    // Whether Hiatus is on.
    hiatus_hiatus_state hiatus;
    // Whether this end is there.
    hiatus_self_state self_state;
    // Whether the other end is there.
    hiatus_peer_state peer_state;
} hiatus_info;

// What a snapshot says of one connection.
typedef struct {
    // Its name in this life of the endpoint.
    hiatus_connection connection;
    // Its record, valid until the callback returns: it takes the place of what was said of it before. NULL: the connection
    // is over, and what was said of it before counts no longer.
    const uint8_t *octets;
    // Octets of the record; 0 with NULL.
    uint64_t len_octets;
} hiatus_saved;

// Keeps what a snapshot says of one connection. Returns 0, or something else if it cannot.
typedef int32_t (*hiatus_save_fn)(void *context, const hiatus_saved *saved);

// What is said of the new life by a source outside of all that is rolled back.
typedef struct {
    // When the epoch was TAKEN, in microseconds by the clock of its life.
    uint64_t taken_us;
    // Drawn anew, from entropy that is no part of the restored state.
    uint8_t instance[16];
    // Greater than every incarnation that this host has used before; 1 after a first life.
    uint32_t incarnation;
    // hiatus_timestamp_clock() was never above it in an earlier life; modulo 2^32.
    uint32_t tsval_ceiling;
    // 1: none that is DURABLE was TAKEN after this epoch, or was when the host fell silent; plain connections with
    // plain_durable come back, too. 0: nobody knows, and they are lost.
    uint8_t is_latest_epoch;
    // 0.
    uint8_t reserved[7];
} hiatus_restoration;

// A record of an epoch that is to be restored.
typedef struct {
    // As hiatus_snapshot_taken() gave it.
    const uint8_t *octets;
    // Octets of the record.
    uint64_t len_octets;
    // How the connection is to behave; NULL: as the one given for all.
    const hiatus_config *config;
} hiatus_record;

// What became of one record.
typedef struct {
    // The name of its connection, which is there again. 0: it is lost and deleted without a segment, for Hiatus was not on,
    // or this end did not offer N, or timestamps are not in use; of plain TCP, that it is not durable.
    hiatus_connection connection;
    // This end.
    hiatus_address local;
    // The other end.
    hiatus_address remote;
} hiatus_placed;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// HIATUS_VERSION of what is linked.
uint32_t hiatus_version(void);

// What `status` says, in a line of English that is never freed.
const char *hiatus_strerror(int32_t status);

// The name of a hiatus_event_kind, never freed.
const char *hiatus_event_name(uint32_t kind);

// The name of a hiatus_close_reason, never freed.
const char *hiatus_close_reason_name(uint32_t reason);

// Fills in the bounds that count unless told otherwise: 4,194,304 connections, 8 GiB retained and more.
hiatus_status hiatus_limits_default(hiatus_limits *limits);

// Fills in how a connection behaves unless told otherwise: Hiatus with S and K, held for an hour, buffers of 64 KiB, 16 MiB
// retained. A host that takes snapshots adds HIATUS_OFFER_N, and hold_send unless its applications repeat themselves to the
// octet.
hiatus_status hiatus_config_default(hiatus_config *config);

// Makes an endpoint without connections, at `*endpoint`; hiatus_free() takes it back. `limits` may be NULL: the defaults.
hiatus_status hiatus_new(const hiatus_secrets *secrets,
                         const hiatus_limits *limits,
                         hiatus_endpoint **endpoint);

// Makes an endpoint that waits for hiatus_restore(): until then it is mute, and what arrives is dropped. It may already
// listen. hiatus_free() takes it back.
hiatus_status hiatus_new_restoring(const hiatus_secrets *secrets,
                                   const hiatus_limits *limits,
                                   hiatus_endpoint **endpoint);

// Takes an endpoint back: everything of it is gone, and nothing is sent. NULL does nothing. Within a callback of its own it
// stays, and HIATUS_ERROR_BUSY is returned.
hiatus_status hiatus_free(hiatus_endpoint *endpoint);

// What was wrong in the latest call on `endpoint` that failed: what, where, expected, found. Writes at most
// `capacity_octets` octets to `text`, the last of them 0, and to `*len_octets`, which may be NULL, how long the whole text is
// without that 0. HIATUS_ERROR_ROOM: it was cut. Of a call whose endpoint was NULL or whose own pointers were refused nothing
// more is known than what it returned.
hiatus_status hiatus_error(const hiatus_endpoint *endpoint,
                           uint8_t *text,
                           size_t capacity_octets,
                           size_t *len_octets);

// Says whether segments that meet no connection are answered, by RST or ABORT: 1, as at first, or 0 while this host may
// still restore the connection that they belong to.
hiatus_status hiatus_set_strays(hiatus_endpoint *endpoint,
                                uint8_t answered);

// An IP packet arrived for this host, `len_octets` long from its IP header on. `checksum_verified`: 0, or 1 where the driver
// has verified the TCP checksum. What cannot be used is dropped, and that is no error.
hiatus_status hiatus_handle_packet(hiatus_endpoint *endpoint,
                                   uint64_t now_us,
                                   const uint8_t *packet,
                                   size_t len_octets,
                                   uint8_t checksum_verified);

// Writes the next packet to send to `buffer`, which has room for one of the link's MTU, HIATUS_PACKET_OCTETS_MIN at least,
// and what it is made of to `*packet`. HIATUS_NOTHING: there is none. Call it until then after every other call.
hiatus_status hiatus_poll_packet(hiatus_endpoint *endpoint,
                                 uint64_t now_us,
                                 uint8_t *buffer,
                                 size_t capacity_octets,
                                 hiatus_packet *packet);

// Writes to `*at_us` when hiatus_handle_timeout() is to be called next, which may be a little early. HIATUS_NOTHING: only
// another call can change anything.
hiatus_status hiatus_poll_timeout(hiatus_endpoint *endpoint,
                                  uint64_t *at_us);

// Time passed: does what has become due, or a part of it; hiatus_poll_timeout() says if more is.
hiatus_status hiatus_handle_timeout(hiatus_endpoint *endpoint, uint64_t now_us);

// Writes the next event to `*event`, oldest first. HIATUS_NOTHING: there is none.
hiatus_status hiatus_poll_event(hiatus_endpoint *endpoint, hiatus_event *event);

// Writes to `*count` how many connections there are, those included that are over and not gone yet.
hiatus_status hiatus_connections(hiatus_endpoint *endpoint, uint64_t *count);

// Gives `size_octets` octets, aligned to `align_octets`, a power of two; NULL if there are none.
extern uint8_t *hiatus_port_alloc(size_t size_octets, size_t align_octets);

// Takes back what `hiatus_port_alloc` gave for the same two numbers.
extern void hiatus_port_free(uint8_t *memory, size_t size_octets, size_t align_octets);

// The library has panicked, which is a defect of it, or there is no memory. `text` is not ended by 0. Never returns.
extern void hiatus_port_panic(const uint8_t *text,
                              size_t len_octets);

// Listens on `local`, whose port is not 0; an address of only 0 listens on every one of its family. `backlog` may be NULL.
// The name is written to `*listener`.
hiatus_status hiatus_listen(hiatus_endpoint *endpoint,
                            const hiatus_address *local,
                            const hiatus_config *config,
                            const hiatus_backlog *backlog,
                            hiatus_listener *listener);

// Listens no longer. Connections that nobody has accepted are aborted. A listener that there is not is no error.
hiatus_status hiatus_unlisten(hiatus_endpoint *endpoint,
                              uint64_t now_us,
                              hiatus_listener listener);

// Writes the oldest connection of a listener that nobody has accepted to `*connection`; it may be over already.
// HIATUS_NOTHING: there is none, or no such listener.
hiatus_status hiatus_accept(hiatus_endpoint *endpoint,
                            hiatus_listener listener,
                            hiatus_connection *connection);

// Opens a connection from `local`, where port 0 takes one that is hard to guess, to `remote`. The name is written to
// `*connection`; HIATUS_EVENT_CONNECTED follows, or HIATUS_EVENT_CLOSED.
hiatus_status hiatus_connect(hiatus_endpoint *endpoint,
                             uint64_t now_us,
                             const hiatus_address *local,
                             const hiatus_address *remote,
                             const hiatus_config *config,
                             hiatus_connection *connection);

// Takes as many of the `len_octets` octets at `data` as the send buffer has room for, from the front, and writes to
// `*written_octets` how many; HIATUS_EVENT_WRITABLE follows when there is room again.
hiatus_status hiatus_write(hiatus_endpoint *endpoint,
                           uint64_t now_us,
                           hiatus_connection connection,
                           const uint8_t *data,
                           size_t len_octets,
                           size_t *written_octets);

// Moves received octets, in order, to `data`, `capacity_octets` at most, and writes to `*read_octets` how many, 1 at least.
// HIATUS_NOTHING: none are there now. HIATUS_END: the peer has closed, and all was read. Both write 0 to `*read_octets`. A
// connection that is over for another reason gives HIATUS_ERROR_NO_CONNECTION: never the end of a stream.
hiatus_status hiatus_read(hiatus_endpoint *endpoint,
                          uint64_t now_us,
                          hiatus_connection connection,
                          uint8_t *data,
                          size_t capacity_octets,
                          size_t *read_octets);

// No more will be written; what was written is still delivered, and the peer's octets can still be read.
hiatus_status hiatus_close(hiatus_endpoint *endpoint,
                           uint64_t now_us,
                           hiatus_connection connection);

// The same for an application that reads no more either: where octets are unread, or come later, the connection is reset.
hiatus_status hiatus_close_both(hiatus_endpoint *endpoint,
                                uint64_t now_us,
                                hiatus_connection connection);

// The connection ends now, and its peer is told so.
hiatus_status hiatus_abort(hiatus_endpoint *endpoint,
                           uint64_t now_us,
                           hiatus_connection connection);

// This host is going away: tells the peer, with how many seconds it expects to be away; 0 does not tell.
// HIATUS_EVENT_SUSPEND_ACKNOWLEDGED follows; then the host may stop.
hiatus_status hiatus_suspend(hiatus_endpoint *endpoint,
                             uint64_t now_us,
                             hiatus_connection connection,
                             uint32_t expected_absence_s);

// This host is back with its memory intact, announced or not. Call it for every connection, before any packet or timeout
// after the absence.
hiatus_status hiatus_resume(hiatus_endpoint *endpoint,
                            uint64_t now_us,
                            hiatus_connection connection);

// The same after HIATUS_ERROR_GENERATIONS_EXHAUSTED: with a new incarnation, greater than the last, and a nonce from fresh
// entropy that is not 0.
hiatus_status hiatus_resume_anew(hiatus_endpoint *endpoint,
                                 uint64_t now_us,
                                 hiatus_connection connection,
                                 uint32_t incarnation,
                                 uint32_t nonce);

// What was received before a position is in a journal that outlives a rollback. `received` is as hiatus_connection_info()
// gave it when the journal was written; with acknowledge_when_stable the octets are acknowledged from now on.
hiatus_status hiatus_journaled(hiatus_endpoint *endpoint,
                               uint64_t now_us,
                               hiatus_connection connection,
                               uint64_t received);

// How long data may stay unanswered before the connection is given up, in microseconds; UINT64_MAX waits for ever.
hiatus_status hiatus_set_user_timeout(hiatus_endpoint *endpoint,
                                      uint64_t now_us,
                                      hiatus_connection connection,
                                      uint64_t user_timeout_us);

// Turns the Nagle algorithm on (1) or off (0).
hiatus_status hiatus_set_nagle(hiatus_endpoint *endpoint,
                               uint64_t now_us,
                               hiatus_connection connection,
                               uint8_t on);

// Turns hold-send on (1) or off (0).
hiatus_status hiatus_set_hold_send(hiatus_endpoint *endpoint,
                                   uint64_t now_us,
                                   hiatus_connection connection,
                                   uint8_t on);

// Writes what is known of a connection to `*info`.
hiatus_status hiatus_connection_info(hiatus_endpoint *endpoint,
                                     hiatus_connection connection,
                                     hiatus_info *info);

// An epoch is TAKEN: tells `save` what changed since the one before, in the first one of a life everything. Call it at the
// instant at which the state of the applications is saved too. `epoch` is a number that grows with each one.
//
// `save` is given `context` and one connection at a time, in any order. `*is_full`, which may be NULL, is 1 if everything was
// told, so that nothing that was said before counts any more, else 0. Octets of a connection that is over and was not read to
// its end are in no record.
//
// If `save` returns anything but 0 the call ends with HIATUS_ERROR_CALLBACK. The epoch counts for nothing then, nor does any
// that is not DURABLE yet, and the next one tells everything.
hiatus_status hiatus_snapshot_taken(hiatus_endpoint *endpoint,
                                    uint64_t now_us,
                                    uint32_t epoch,
                                    hiatus_save_fn save,
                                    void *context,
                                    uint8_t *is_full);

// An epoch is DURABLE: all that was told of it and before it is kept for good. Octets that wait for it may leave, and peers
// learn how far this host cannot go back. A number that is not that of a TAKEN epoch of this life changes nothing.
hiatus_status hiatus_snapshot_durable(hiatus_endpoint *endpoint,
                                      uint64_t now_us,
                                      uint32_t epoch);

// What was told of earlier epochs counts for nothing: the next one tells everything. For a host whose store has failed.
hiatus_status hiatus_forget_snapshots(hiatus_endpoint *endpoint);

// Brings every connection of a DURABLE epoch back, or none: then nothing was sent, and another epoch can be tried on the same
// endpoint, which is one of hiatus_new_restoring().
//
// `records` are `count` records, each connection's latest; `config` is for those that name none. `placed` may be NULL, or has
// room for `count`: what became of each. `life` is kept, before this call, where nothing is rolled back. Connections send
// RESUME when they are due (hiatus_poll_timeout()) or asked for; HIATUS_EVENT_RESUMED says that one is in step with its peer.
// The application begins again with the state that was saved with the epoch.
hiatus_status hiatus_restore(hiatus_endpoint *endpoint,
                             uint64_t now_us,
                             const hiatus_restoration *life,
                             const hiatus_config *config,
                             const hiatus_record *records,
                             size_t count,
                             hiatus_placed *placed);

// Writes to `*tsval` the host's timestamp clock, in milliseconds modulo 2^32. A host that may be rolled back keeps a ceiling
// of it outside of what rolls back, and raises that ahead of it.
hiatus_status hiatus_timestamp_clock(hiatus_endpoint *endpoint,
                                     uint64_t now_us,
                                     uint32_t *tsval);

// Writes to `*count` how many restored connections still wait for their turn to send RESUME.
hiatus_status hiatus_returning(hiatus_endpoint *endpoint, uint32_t *count);

// HIATUS_VERSION of what is linked.
uint32_t hiatus_version(void);

// What `status` says, in a line of English that is never freed.
const char *hiatus_strerror(int32_t status);

// The name of a hiatus_event_kind, never freed.
const char *hiatus_event_name(uint32_t kind);

// The name of a hiatus_close_reason, never freed.
const char *hiatus_close_reason_name(uint32_t reason);

// Fills in the bounds that count unless told otherwise: 4,194,304 connections, 8 GiB retained and more.
hiatus_status hiatus_limits_default(hiatus_limits *limits);

// Fills in how a connection behaves unless told otherwise: Hiatus with S and K, held for an hour, buffers of 64 KiB, 16 MiB
// retained. A host that takes snapshots adds HIATUS_OFFER_N, and hold_send unless its applications repeat themselves to the
// octet.
hiatus_status hiatus_config_default(hiatus_config *config);

// Makes an endpoint without connections, at `*endpoint`; hiatus_free() takes it back. `limits` may be NULL: the defaults.
hiatus_status hiatus_new(const hiatus_secrets *secrets,
                         const hiatus_limits *limits,
                         hiatus_endpoint **endpoint);

// Makes an endpoint that waits for hiatus_restore(): until then it is mute, and what arrives is dropped. It may already
// listen. hiatus_free() takes it back.
hiatus_status hiatus_new_restoring(const hiatus_secrets *secrets,
                                   const hiatus_limits *limits,
                                   hiatus_endpoint **endpoint);

// Takes an endpoint back: everything of it is gone, and nothing is sent. NULL does nothing. Within a callback of its own it
// stays, and HIATUS_ERROR_BUSY is returned.
hiatus_status hiatus_free(hiatus_endpoint *endpoint);

// What was wrong in the latest call on `endpoint` that failed: what, where, expected, found. Writes at most
// `capacity_octets` octets to `text`, the last of them 0, and to `*len_octets`, which may be NULL, how long the whole text is
// without that 0. HIATUS_ERROR_ROOM: it was cut. Of a call whose endpoint was NULL or whose own pointers were refused nothing
// more is known than what it returned.
hiatus_status hiatus_error(const hiatus_endpoint *endpoint,
                           uint8_t *text,
                           size_t capacity_octets,
                           size_t *len_octets);

// Says whether segments that meet no connection are answered, by RST or ABORT: 1, as at first, or 0 while this host may
// still restore the connection that they belong to.
hiatus_status hiatus_set_strays(hiatus_endpoint *endpoint,
                                uint8_t answered);

// An IP packet arrived for this host, `len_octets` long from its IP header on. `checksum_verified`: 0, or 1 where the driver
// has verified the TCP checksum. What cannot be used is dropped, and that is no error.
hiatus_status hiatus_handle_packet(hiatus_endpoint *endpoint,
                                   uint64_t now_us,
                                   const uint8_t *packet,
                                   size_t len_octets,
                                   uint8_t checksum_verified);

// Writes the next packet to send to `buffer`, which has room for one of the link's MTU, HIATUS_PACKET_OCTETS_MIN at least,
// and what it is made of to `*packet`. HIATUS_NOTHING: there is none. Call it until then after every other call.
hiatus_status hiatus_poll_packet(hiatus_endpoint *endpoint,
                                 uint64_t now_us,
                                 uint8_t *buffer,
                                 size_t capacity_octets,
                                 hiatus_packet *packet);

// Writes to `*at_us` when hiatus_handle_timeout() is to be called next, which may be a little early. HIATUS_NOTHING: only
// another call can change anything.
hiatus_status hiatus_poll_timeout(hiatus_endpoint *endpoint,
                                  uint64_t *at_us);

// Time passed: does what has become due, or a part of it; hiatus_poll_timeout() says if more is.
hiatus_status hiatus_handle_timeout(hiatus_endpoint *endpoint, uint64_t now_us);

// Writes the next event to `*event`, oldest first. HIATUS_NOTHING: there is none.
hiatus_status hiatus_poll_event(hiatus_endpoint *endpoint, hiatus_event *event);

// Writes to `*count` how many connections there are, those included that are over and not gone yet.
hiatus_status hiatus_connections(hiatus_endpoint *endpoint, uint64_t *count);

// Listens on `local`, whose port is not 0; an address of only 0 listens on every one of its family. `backlog` may be NULL.
// The name is written to `*listener`.
hiatus_status hiatus_listen(hiatus_endpoint *endpoint,
                            const hiatus_address *local,
                            const hiatus_config *config,
                            const hiatus_backlog *backlog,
                            hiatus_listener *listener);

// Listens no longer. Connections that nobody has accepted are aborted. A listener that there is not is no error.
hiatus_status hiatus_unlisten(hiatus_endpoint *endpoint,
                              uint64_t now_us,
                              hiatus_listener listener);

// Writes the oldest connection of a listener that nobody has accepted to `*connection`; it may be over already.
// HIATUS_NOTHING: there is none, or no such listener.
hiatus_status hiatus_accept(hiatus_endpoint *endpoint,
                            hiatus_listener listener,
                            hiatus_connection *connection);

// Opens a connection from `local`, where port 0 takes one that is hard to guess, to `remote`. The name is written to
// `*connection`; HIATUS_EVENT_CONNECTED follows, or HIATUS_EVENT_CLOSED.
hiatus_status hiatus_connect(hiatus_endpoint *endpoint,
                             uint64_t now_us,
                             const hiatus_address *local,
                             const hiatus_address *remote,
                             const hiatus_config *config,
                             hiatus_connection *connection);

// Takes as many of the `len_octets` octets at `data` as the send buffer has room for, from the front, and writes to
// `*written_octets` how many; HIATUS_EVENT_WRITABLE follows when there is room again.
hiatus_status hiatus_write(hiatus_endpoint *endpoint,
                           uint64_t now_us,
                           hiatus_connection connection,
                           const uint8_t *data,
                           size_t len_octets,
                           size_t *written_octets);

// Moves received octets, in order, to `data`, `capacity_octets` at most, and writes to `*read_octets` how many, 1 at least.
// HIATUS_NOTHING: none are there now. HIATUS_END: the peer has closed, and all was read. Both write 0 to `*read_octets`. A
// connection that is over for another reason gives HIATUS_ERROR_NO_CONNECTION: never the end of a stream.
hiatus_status hiatus_read(hiatus_endpoint *endpoint,
                          uint64_t now_us,
                          hiatus_connection connection,
                          uint8_t *data,
                          size_t capacity_octets,
                          size_t *read_octets);

// No more will be written; what was written is still delivered, and the peer's octets can still be read.
hiatus_status hiatus_close(hiatus_endpoint *endpoint,
                           uint64_t now_us,
                           hiatus_connection connection);

// The same for an application that reads no more either: where octets are unread, or come later, the connection is reset.
hiatus_status hiatus_close_both(hiatus_endpoint *endpoint,
                                uint64_t now_us,
                                hiatus_connection connection);

// The connection ends now, and its peer is told so.
hiatus_status hiatus_abort(hiatus_endpoint *endpoint,
                           uint64_t now_us,
                           hiatus_connection connection);

// This host is going away: tells the peer, with how many seconds it expects to be away; 0 does not tell.
// HIATUS_EVENT_SUSPEND_ACKNOWLEDGED follows; then the host may stop.
hiatus_status hiatus_suspend(hiatus_endpoint *endpoint,
                             uint64_t now_us,
                             hiatus_connection connection,
                             uint32_t expected_absence_s);

// This host is back with its memory intact, announced or not. Call it for every connection, before any packet or timeout
// after the absence.
hiatus_status hiatus_resume(hiatus_endpoint *endpoint,
                            uint64_t now_us,
                            hiatus_connection connection);

// The same after HIATUS_ERROR_GENERATIONS_EXHAUSTED: with a new incarnation, greater than the last, and a nonce from fresh
// entropy that is not 0.
hiatus_status hiatus_resume_anew(hiatus_endpoint *endpoint,
                                 uint64_t now_us,
                                 hiatus_connection connection,
                                 uint32_t incarnation,
                                 uint32_t nonce);

// What was received before a position is in a journal that outlives a rollback. `received` is as hiatus_connection_info()
// gave it when the journal was written; with acknowledge_when_stable the octets are acknowledged from now on.
hiatus_status hiatus_journaled(hiatus_endpoint *endpoint,
                               uint64_t now_us,
                               hiatus_connection connection,
                               uint64_t received);

// How long data may stay unanswered before the connection is given up, in microseconds; UINT64_MAX waits for ever.
hiatus_status hiatus_set_user_timeout(hiatus_endpoint *endpoint,
                                      uint64_t now_us,
                                      hiatus_connection connection,
                                      uint64_t user_timeout_us);

// Turns the Nagle algorithm on (1) or off (0).
hiatus_status hiatus_set_nagle(hiatus_endpoint *endpoint,
                               uint64_t now_us,
                               hiatus_connection connection,
                               uint8_t on);

// Turns hold-send on (1) or off (0).
hiatus_status hiatus_set_hold_send(hiatus_endpoint *endpoint,
                                   uint64_t now_us,
                                   hiatus_connection connection,
                                   uint8_t on);

// Writes what is known of a connection to `*info`.
hiatus_status hiatus_connection_info(hiatus_endpoint *endpoint,
                                     hiatus_connection connection,
                                     hiatus_info *info);

// An epoch is TAKEN: tells `save` what changed since the one before, in the first one of a life everything. Call it at the
// instant at which the state of the applications is saved too. `epoch` is a number that grows with each one.
//
// `save` is given `context` and one connection at a time, in any order. `*is_full`, which may be NULL, is 1 if everything was
// told, so that nothing that was said before counts any more, else 0. Octets of a connection that is over and was not read to
// its end are in no record.
//
// If `save` returns anything but 0 the call ends with HIATUS_ERROR_CALLBACK. The epoch counts for nothing then, nor does any
// that is not DURABLE yet, and the next one tells everything.
hiatus_status hiatus_snapshot_taken(hiatus_endpoint *endpoint,
                                    uint64_t now_us,
                                    uint32_t epoch,
                                    hiatus_save_fn save,
                                    void *context,
                                    uint8_t *is_full);

// An epoch is DURABLE: all that was told of it and before it is kept for good. Octets that wait for it may leave, and peers
// learn how far this host cannot go back. A number that is not that of a TAKEN epoch of this life changes nothing.
hiatus_status hiatus_snapshot_durable(hiatus_endpoint *endpoint,
                                      uint64_t now_us,
                                      uint32_t epoch);

// What was told of earlier epochs counts for nothing: the next one tells everything. For a host whose store has failed.
hiatus_status hiatus_forget_snapshots(hiatus_endpoint *endpoint);

// Brings every connection of a DURABLE epoch back, or none: then nothing was sent, and another epoch can be tried on the same
// endpoint, which is one of hiatus_new_restoring().
//
// `records` are `count` records, each connection's latest; `config` is for those that name none. `placed` may be NULL, or has
// room for `count`: what became of each. `life` is kept, before this call, where nothing is rolled back. Connections send
// RESUME when they are due (hiatus_poll_timeout()) or asked for; HIATUS_EVENT_RESUMED says that one is in step with its peer.
// The application begins again with the state that was saved with the epoch.
hiatus_status hiatus_restore(hiatus_endpoint *endpoint,
                             uint64_t now_us,
                             const hiatus_restoration *life,
                             const hiatus_config *config,
                             const hiatus_record *records,
                             size_t count,
                             hiatus_placed *placed);

// Writes to `*tsval` the host's timestamp clock, in milliseconds modulo 2^32. A host that may be rolled back keeps a ceiling
// of it outside of what rolls back, and raises that ahead of it.
hiatus_status hiatus_timestamp_clock(hiatus_endpoint *endpoint,
                                     uint64_t now_us,
                                     uint32_t *tsval);

// Writes to `*count` how many restored connections still wait for their turn to send RESUME.
hiatus_status hiatus_returning(hiatus_endpoint *endpoint, uint32_t *count);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* HIATUS_H */
