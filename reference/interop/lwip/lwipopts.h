/* lwIP 2.2.1 as a peer: raw API, no threads, TCP only, every TCP option that it knows. */
#ifndef INTEROP_LWIPOPTS_H
#define INTEROP_LWIPOPTS_H

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0

#define MEM_LIBC_MALLOC 1
#define MEMP_MEM_MALLOC 1
#define MEM_ALIGNMENT 8

#define LWIP_IPV4 1
#define LWIP_IPV6 1
#define LWIP_ARP 0
#define LWIP_ETHERNET 0
#define LWIP_IPV6_MLD 0
#define LWIP_IPV6_AUTOCONFIG 0
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS 0
#define LWIP_ND6_ALLOW_RA_UPDATES 0
/* Its default does for pointers of 32 bits only. */
#define IPV6_FRAG_COPYHEADER 1
#define LWIP_UDP 0
#define LWIP_RAW 1
#define LWIP_STATS 0

#define LWIP_TCP 1
#define TCP_MSS 1460
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 2
#define TCP_WND (128 * 1024)
#define TCP_SND_BUF (128 * 1024)
/* Of use to sockets only, which are off; its default would not fit into 16 bits. */
#define TCP_SNDLOWAT (16 * 1024)
/* 16 bits wide; a segment of 536 octets takes two pbufs at most. */
#define TCP_SND_QUEUELEN 2048
#define MEMP_NUM_TCP_SEG TCP_SND_QUEUELEN
#define LWIP_TCP_SACK_OUT 1
#define LWIP_TCP_MAX_SACK_NUM 4
#define LWIP_TCP_TIMESTAMPS 1
/* RFC 6298, section 2.1; and a clock fine enough for it. */
#define LWIP_TCP_RTO_TIME 1000
#define TCP_TMR_INTERVAL 100

extern unsigned int interop_lwip_isn(void);
#define LWIP_HOOK_TCP_ISN(local_ip, local_port, remote_ip, remote_port) interop_lwip_isn()

#endif
