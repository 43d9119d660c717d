/*
 * Two hosts in memory, a transfer in both directions over a link that loses packets; host B is snapshotted and loses its power
 * several times. Every octet is compared. Exit status 0 if all came, in order, and 1 with a line that says what went wrong.
 *
 * Built with -DNO_HOLD_SEND host B sends octets that no epoch has, and with -DDAMAGE its store gives back a record with one bit
 * turned: both have to end in 1.
 */
#include "hiatus.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOTAL_OCTETS 3000000u /* in each direction */
#define LINK_MTU 1500u
#define DELAY_US 5000u
#define STEP_US 1000u
#define LOST_PER_MILLE 30u
#define QUEUED_MAX 4096u
#define EPOCH_EVERY_US 25000u
#define DURABLE_AFTER_US 7000u
#define CUTS 5u
#define CUT_EVERY_US 1250000u
#define AWAY_US 120000u
#define LIMIT_US 300000000u
#define RECORD_MAX (512u * 1024u)

struct packet {
    uint64_t due_us;
    size_t len;
    uint8_t octets[LINK_MTU];
};

struct wire { /* one direction; a ring */
    struct packet packets[QUEUED_MAX];
    size_t first, count;
};

/* What an application is made of: it can begin again from this. */
struct application {
    uint32_t written, read;
    uint8_t closed, ended;
};

/* What survives a power cut: an epoch that is TAKEN, and the latest that is DURABLE. */
struct epoch {
    uint8_t *record;
    size_t len;
    struct application application;
    uint64_t taken_us;
    uint32_t number;
};

static struct wire to_a, to_b;
static uint64_t dice = 0x9E3779B97F4A7C15u;
static unsigned lost;

static void check(hiatus_endpoint *endpoint, const char *what, hiatus_status status)
{
    char text[200] = "";

    if (status >= 0) {
        return;
    }
    if (endpoint != NULL) {
        hiatus_error(endpoint, (uint8_t *)text, sizeof text, NULL);
    }
    printf("%s: %s (%s)\n", what, text, hiatus_strerror(status));
    exit(1);
}

static uint32_t roll(uint32_t sides)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (uint32_t)(dice >> 33) % sides;
}

/* The octet at a position of a direction's stream: no piece of it looks like another. */
static uint8_t octet_at(unsigned salt, uint32_t position)
{
    uint32_t mixed = (position + salt) * 2654435761u;

    return (uint8_t)(mixed >> 24);
}

static void carry(hiatus_endpoint *from, struct wire *wire, uint64_t now_us)
{
    while (wire->count < QUEUED_MAX) {
        struct packet *packet = &wire->packets[(wire->first + wire->count) % QUEUED_MAX];
        hiatus_packet sent;
        hiatus_status status = hiatus_poll_packet(from, now_us, packet->octets, sizeof packet->octets, &sent);

        check(from, "poll packet", status);
        if (status == HIATUS_NOTHING) {
            return;
        }
        if (roll(1000) < LOST_PER_MILLE) {
            lost++;
            continue;
        }
        packet->len = sent.len_octets;
        packet->due_us = now_us + DELAY_US;
        wire->count++;
    }
}

/* Packets to a host that is away are lost: to is NULL. */
static void deliver(hiatus_endpoint *to, struct wire *wire, uint64_t now_us)
{
    while (wire->count > 0 && wire->packets[wire->first].due_us <= now_us) {
        struct packet *packet = &wire->packets[wire->first];

        if (to != NULL) {
            check(to, "packet", hiatus_handle_packet(to, now_us, packet->octets, packet->len, 0));
        }
        wire->first = (wire->first + 1) % QUEUED_MAX;
        wire->count--;
    }
}

static void wake(hiatus_endpoint *host, uint64_t now_us)
{
    uint64_t due_us;

    if (host != NULL && hiatus_poll_timeout(host, &due_us) == HIATUS_OK && due_us <= now_us) {
        check(host, "timeout", hiatus_handle_timeout(host, now_us));
    }
}

static void work(hiatus_endpoint *host, hiatus_connection connection, struct application *application, unsigned salt,
                 uint64_t now_us)
{
    uint8_t piece[8192];
    size_t done, i, len;
    hiatus_status status;

    while (!application->closed) {
        len = TOTAL_OCTETS - application->written;
        len = len < sizeof piece ? len : sizeof piece;
        for (i = 0; i < len; i++) {
            piece[i] = octet_at(salt, application->written + (uint32_t)i);
        }
        check(host, "write", hiatus_write(host, now_us, connection, piece, len, &done));
        application->written += (uint32_t)done;
        if (application->written == TOTAL_OCTETS) {
            check(host, "close", hiatus_close(host, now_us, connection));
            application->closed = 1;
        } else if (done == 0) {
            break;
        }
    }
    while (!application->ended) {
        status = hiatus_read(host, now_us, connection, piece, sizeof piece, &done);
        check(host, "read", status);
        for (i = 0; i < done; i++) {
            if (piece[i] != octet_at(salt ^ 1, application->read + (uint32_t)i)) {
                printf("read: another octet at %" PRIu32 "\n", application->read + (uint32_t)i);
                exit(1);
            }
        }
        application->read += (uint32_t)done;
        application->ended = status == HIATUS_END;
        if (status != HIATUS_OK) {
            break;
        }
    }
}

/* Gives how many RESUMED there were. */
static unsigned events(hiatus_endpoint *host, const char *name)
{
    hiatus_event event;
    unsigned resumed = 0;

    while (hiatus_poll_event(host, &event) == HIATUS_OK) {
        resumed += event.kind == HIATUS_EVENT_RESUMED;
        if (event.kind == HIATUS_EVENT_CLOSED && event.reason != HIATUS_CLOSE_REASON_FINISHED) {
            printf("%s: closed: %s, %" PRIu32 "\n", name, hiatus_close_reason_name(event.reason), event.detail);
            exit(1);
        }
    }
    return resumed;
}

static int32_t keep(void *context, const hiatus_saved *saved)
{
    struct epoch *epoch = context;

    if (saved->octets == NULL) {
        epoch->len = 0;
        return 0;
    }
    if (saved->len_octets > RECORD_MAX) {
        return 1;
    }
    memcpy(epoch->record, saved->octets, saved->len_octets);
    epoch->len = saved->len_octets;
    return 0;
}

static void copy(struct epoch *to, const struct epoch *from)
{
    uint8_t *record = to->record;

    memcpy(record, from->record, from->len);
    *to = *from;
    to->record = record;
}

static hiatus_endpoint *restored(const struct epoch *durable, uint32_t incarnation, uint32_t tsval_ceiling,
                                 const hiatus_config *config, uint64_t now_us, hiatus_connection *connection)
{
    hiatus_secrets secrets = {{2}, {0}};
    hiatus_restoration life = {durable->taken_us, {0}, incarnation, tsval_ceiling, 1, {0}};
    hiatus_record record = {durable->record, durable->len, NULL};
    hiatus_placed placed;
    hiatus_endpoint *host = NULL;
    size_t i;

    for (i = 0; i < sizeof secrets.instance; i++) {
        secrets.instance[i] = (uint8_t)roll(256);
        life.instance[i] = (uint8_t)roll(256);
    }
#ifdef DAMAGE
    durable->record[durable->len / 2] ^= 1;
#endif
    check(NULL, "new, restoring", hiatus_new_restoring(&secrets, NULL, &host));
    check(host, "restore", hiatus_restore(host, now_us, &life, config, &record, 1, &placed));
    if (placed.connection == 0) {
        printf("restore: the connection is lost\n");
        exit(1);
    }
    *connection = placed.connection;
    return host;
}

static void opened(hiatus_endpoint *a, hiatus_endpoint *b, const hiatus_config *config_b, hiatus_listener *listener,
                   hiatus_connection *connection)
{
    hiatus_address at_a = {{10, 0, 0, 1}, 80, 4, 0}, at_b = {{10, 0, 0, 2}, 0, 4, 0};
    hiatus_config config_a;

    check(NULL, "config", hiatus_config_default(&config_a));
    check(a, "listen", hiatus_listen(a, &at_a, &config_a, NULL, listener));
    check(b, "connect", hiatus_connect(b, 0, &at_b, &at_a, config_b, connection));
}

int main(void)
{
    hiatus_secrets secrets_a = {{1}, {1}}, secrets_b = {{2}, {2}};
    hiatus_endpoint *a = NULL, *b = NULL;
    hiatus_listener listener;
    hiatus_connection at_a = 0, at_b;
    hiatus_config config_b;
    struct application app_a = {0, 0, 0, 0}, app_b = {0, 0, 0, 0};
    struct epoch taken = {NULL, 0, {0, 0, 0, 0}, 0, 0}, durable = taken;
    uint64_t now_us, back_us = 0;
    uint32_t ceiling = 0;
    unsigned cuts = 0, resumed = 0;
    int pending = 0;

    taken.record = malloc(RECORD_MAX);
    durable.record = malloc(RECORD_MAX);
    check(NULL, "config", hiatus_config_default(&config_b));
    config_b.offer |= HIATUS_OFFER_N;
#ifdef NO_HOLD_SEND
    config_b.send_buffer_octets = 8192; /* less than leaves between two epochs */
#else
    config_b.hold_send = 1;
#endif
    check(NULL, "new", hiatus_new(&secrets_a, NULL, &a));
    check(NULL, "new", hiatus_new(&secrets_b, NULL, &b));
    opened(a, b, &config_b, &listener, &at_b);

    for (now_us = STEP_US; now_us < LIMIT_US; now_us += STEP_US) {
        if (b != NULL && cuts < CUTS && now_us % CUT_EVERY_US == 0 && durable.len > 0) {
            check(b, "free", hiatus_free(b)); /* the power is gone, and all that was in memory */
            b = NULL;
            memset(&app_b, 0, sizeof app_b);
            pending = 0;
            back_us = now_us + AWAY_US;
            cuts++;
        }
        if (b == NULL && now_us >= back_us) {
            b = restored(&durable, cuts, ceiling, &config_b, now_us, &at_b);
            app_b = durable.application;
        }
        deliver(a, &to_a, now_us);
        deliver(b, &to_b, now_us);
        wake(a, now_us);
        wake(b, now_us);
        events(a, "A");
        if (b != NULL) {
            resumed += events(b, "B");
        }
        if (at_a == 0) {
            check(a, "accept", hiatus_accept(a, listener, &at_a));
        }
        if (at_a != 0) {
            work(a, at_a, &app_a, 0, now_us);
        }
        carry(a, &to_b, now_us);
        if (b != NULL) {
            work(b, at_b, &app_b, 1, now_us);
            if (now_us % EPOCH_EVERY_US == 0) {
                taken.number++;
                taken.application = app_b;
                taken.taken_us = now_us;
                check(b, "snapshot", hiatus_snapshot_taken(b, now_us, taken.number, keep, &taken, NULL));
                pending = 1;
            }
            if (pending && now_us >= taken.taken_us + DURABLE_AFTER_US) {
                copy(&durable, &taken);
                check(b, "durable", hiatus_snapshot_durable(b, now_us, durable.number));
                pending = 0;
            }
            carry(b, &to_a, now_us);
            check(b, "clock", hiatus_timestamp_clock(b, now_us, &ceiling));
        }
        if (app_a.ended && app_b.ended && cuts == CUTS) {
            break;
        }
    }
    printf("A read %" PRIu32 ", B read %" PRIu32 ", %u power cuts, %u resumed, %u packets lost, %" PRIu64 " ms\n", app_a.read,
           app_b.read, cuts, resumed, lost, now_us / 1000);
    hiatus_free(a);
    hiatus_free(b);
    free(taken.record);
    free(durable.record);
    return !(app_a.read == TOTAL_OCTETS && app_b.read == TOTAL_OCTETS && app_a.ended && app_b.ended && cuts == CUTS &&
             resumed > 0 && lost > 0);
}
