/*
 * The port of lwIP that Rust sees: one interface, one connection, octets in and out.
 *
 * Nothing here calls into the system. Time and random numbers are set from outside, packets leave by a callback.
 */
#include <stdarg.h>
#include <string.h>

#include "lwip/init.h"
#include "lwip/ip.h"
#include "lwip/netif.h"
#include "lwip/tcp.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/timeouts.h"

typedef void (*interop_output)(const uint8_t *packet, size_t len_octets);

/* The largest packet of any run, with room to spare. */
#define PACKET_OCTETS_MAX 2048
/* Buffers received and not yet read; beyond them lwIP is asked to keep what came. */
#define RECEIVED_MAX 1024

static struct netif the_netif;
static struct tcp_pcb *the_pcb;
/* A ring: a pbuf chain counts its octets in 16 bits, which is less than the window. */
static struct pbuf *received[RECEIVED_MAX];
static size_t received_first, received_count;
static interop_output output;
static uint32_t now_ms;
static uint32_t seed;
/* What interop_lwip_status gives. */
static int is_connected, peer_ended, last_error, last_state;

uint32_t sys_now(void) { return now_ms; }

unsigned int interop_lwip_random(void)
{
  /* Numerical Recipes' generator: ports only need to differ between runs. */
  seed = seed * 1664525u + 1013904223u;
  return seed >> 8;
}

void interop_lwip_print(const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
}

unsigned int interop_lwip_isn(void) { return seed; }

static err_t send_packet(struct pbuf *p)
{
  uint8_t packet[PACKET_OCTETS_MAX];
  if (p->tot_len > sizeof packet) {
    return ERR_BUF;
  }
  pbuf_copy_partial(p, packet, p->tot_len, 0);
  output(packet, p->tot_len);
  return ERR_OK;
}

static err_t output_ip4(struct netif *netif, struct pbuf *p, const ip4_addr_t *to)
{
  LWIP_UNUSED_ARG(netif);
  LWIP_UNUSED_ARG(to);
  return send_packet(p);
}

static err_t output_ip6(struct netif *netif, struct pbuf *p, const ip6_addr_t *to)
{
  LWIP_UNUSED_ARG(netif);
  LWIP_UNUSED_ARG(to);
  return send_packet(p);
}

static err_t set_up_netif(struct netif *netif)
{
  netif->output = output_ip4;
  netif->output_ip6 = output_ip6;
  netif->flags |= NETIF_FLAG_LINK_UP;
  return ERR_OK;
}

/* `address` and `gateway` are 4 or 16 octets, by `address_octets`. */
static void to_ip(ip_addr_t *ip, const uint8_t *address, size_t address_octets)
{
  memset(ip, 0, sizeof *ip);
  if (address_octets == 4) {
    IP_SET_TYPE(ip, IPADDR_TYPE_V4);
    memcpy(&ip_2_ip4(ip)->addr, address, 4);
  } else {
    IP_SET_TYPE(ip, IPADDR_TYPE_V6);
    memcpy(ip_2_ip6(ip)->addr, address, 16);
  }
}

void interop_lwip_start(uint32_t random, uint16_t mtu_octets, const uint8_t *address, size_t address_octets,
                        interop_output to)
{
  ip_addr_t own;
  ip4_addr_t own4, mask, any;
  seed = random;
  output = to;
  lwip_init();
  to_ip(&own, address, address_octets);
  ip4_addr_set_zero(&own4);
  ip4_addr_set_zero(&any);
  IP4_ADDR(&mask, 255, 255, 255, 0);
  if (address_octets == 4) {
    own4 = *ip_2_ip4(&own);
  }
  netif_add(&the_netif, &own4, &mask, &any, NULL, set_up_netif, ip_input);
  the_netif.mtu = mtu_octets;
#if LWIP_ND6_ALLOW_RA_UPDATES
  the_netif.mtu6 = mtu_octets;
#endif
  if (address_octets == 16) {
    netif_ip6_addr_set(&the_netif, 0, ip_2_ip6(&own));
    netif_ip6_addr_set_state(&the_netif, 0, IP6_ADDR_PREFERRED);
  }
  netif_set_default(&the_netif);
  netif_set_up(&the_netif);
}

static err_t on_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(pcb);
  LWIP_UNUSED_ARG(err);
  if (p == NULL) {
    peer_ended = 1;
    return ERR_OK;
  }
  if (received_count == RECEIVED_MAX) {
    return ERR_MEM;
  }
  received[(received_first + received_count) % RECEIVED_MAX] = p;
  received_count++;
  return ERR_OK;
}

/* lwIP has freed the control block by now; ERR_CLSD is the end of LAST-ACK. */
static void on_error(void *arg, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  the_pcb = NULL;
  last_error = err;
}

static void adopt(struct tcp_pcb *pcb)
{
  the_pcb = pcb;
  tcp_recv(pcb, on_received);
  tcp_err(pcb, on_error);
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(pcb);
  is_connected = err == ERR_OK;
  return ERR_OK;
}

static err_t on_accepted(void *arg, struct tcp_pcb *pcb, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  if (err != ERR_OK || pcb == NULL || the_pcb != NULL) {
    return ERR_VAL;
  }
  adopt(pcb);
  is_connected = 1;
  return ERR_OK;
}

/* From `own_port`, or with 0 from one that lwIP chooses. */
int interop_lwip_connect(uint16_t own_port, const uint8_t *address, size_t address_octets, uint16_t port)
{
  ip_addr_t to;
  err_t err;
  struct tcp_pcb *pcb = tcp_new_ip_type(address_octets == 4 ? IPADDR_TYPE_V4 : IPADDR_TYPE_V6);
  to_ip(&to, address, address_octets);
  if (pcb == NULL) {
    return ERR_MEM;
  }
  err = tcp_bind(pcb, IP_ANY_TYPE, own_port);
  if (err != ERR_OK) {
    return err;
  }
  adopt(pcb);
  return tcp_connect(pcb, &to, port, on_connected);
}

int interop_lwip_listen(uint16_t port)
{
  struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
  err_t err = pcb == NULL ? ERR_MEM : tcp_bind(pcb, IP_ANY_TYPE, port);
  if (err != ERR_OK) {
    return err;
  }
  pcb = tcp_listen(pcb);
  if (pcb == NULL) {
    return ERR_MEM;
  }
  tcp_accept(pcb, on_accepted);
  return ERR_OK;
}

int interop_lwip_input(const uint8_t *packet, uint16_t len_octets)
{
  struct pbuf *p = pbuf_alloc(PBUF_RAW, len_octets, PBUF_RAM);
  if (p == NULL) {
    return ERR_MEM;
  }
  pbuf_take(p, packet, len_octets);
  if (the_netif.input(p, &the_netif) != ERR_OK) {
    pbuf_free(p);
  }
  return ERR_OK;
}

/* What of `octets` was taken, or a negative error. */
int64_t interop_lwip_write(const uint8_t *octets, size_t len_octets)
{
  size_t taken = 0;
  if (the_pcb == NULL) {
    return ERR_CLSD;
  }
  while (taken < len_octets) {
    size_t count = LWIP_MIN(len_octets - taken, tcp_sndbuf(the_pcb));
    err_t err;
    count = LWIP_MIN(count, 0x4000);
    if (count == 0) {
      break;
    }
    err = tcp_write(the_pcb, octets + taken, (u16_t)count, TCP_WRITE_FLAG_COPY);
    if (err == ERR_MEM) {
      break; /* Its queue is full: later. */
    }
    if (err != ERR_OK) {
      return err;
    }
    taken += count;
  }
  if (taken > 0) {
    tcp_output(the_pcb);
  }
  return (int64_t)taken;
}

size_t interop_lwip_read(uint8_t *octets, size_t room_octets)
{
  struct pbuf *p = received[received_first];
  size_t count;
  if (received_count == 0) {
    return 0;
  }
  count = LWIP_MIN(p->tot_len, room_octets);
  pbuf_copy_partial(p, octets, (u16_t)count, 0);
  received[received_first] = pbuf_free_header(p, (u16_t)count);
  if (received[received_first] == NULL) {
    received_first = (received_first + 1) % RECEIVED_MAX;
    received_count--;
  }
  if (the_pcb != NULL) {
    tcp_recved(the_pcb, (u16_t)count);
  }
  return count;
}

int interop_lwip_finish(void)
{
  err_t err = the_pcb == NULL ? ERR_CLSD : tcp_shutdown(the_pcb, 0, 1);
  return err;
}

/* on_error is told of it. */
void interop_lwip_abort(void)
{
  if (the_pcb != NULL) {
    tcp_abort(the_pcb);
  }
}

void interop_lwip_time(uint32_t ms)
{
  now_ms = ms;
  sys_check_timeouts();
}

uint32_t interop_lwip_sleep_ms(void) { return sys_timeouts_sleeptime(); }

/* Bit 0: connected; bit 1: the peer's FIN came. `error` is lwIP's, 0 for none; `state` is
   lwIP's enum tcp_state, the last one known. */
uint32_t interop_lwip_status(int *error, int *state)
{
  if (the_pcb != NULL) {
    last_state = (int)the_pcb->state;
    if (the_pcb->state == TIME_WAIT) {
      /* lwIP frees it later without a word. */
      the_pcb = NULL;
    }
  }
  *error = last_error;
  *state = last_state;
  return (uint32_t)is_connected | (uint32_t)peer_ended << 1;
}
