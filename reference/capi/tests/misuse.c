/* Every kind of misuse gives its code, and changes nothing. Exit status 0 if so, 1 with the lines that were not. */
#include "hiatus.h"

#include <stdio.h>
#include <string.h>

static int wrong;

static void want(int line, const char *call, hiatus_status found, hiatus_status expected)
{
    if (found != expected) {
        printf("line %d: %s: %d (%s), expected %d (%s)\n", line, call, (int)found, hiatus_strerror(found), (int)expected,
               hiatus_strerror(expected));
        wrong = 1;
    }
}
#define WANT(expected, call) want(__LINE__, #call, (call), (expected))

static void must(int holds, const char *otherwise)
{
    if (!holds) {
        printf("%s\n", otherwise);
        wrong = 1;
    }
}

struct inside {
    hiatus_endpoint *endpoint;
    hiatus_status of_call, of_free;
    int returns, calls;
};

static int32_t within(void *context, const hiatus_saved *saved)
{
    struct inside *inside = context;
    uint64_t at_us;

    (void)saved;
    inside->calls++;
    inside->of_call = hiatus_poll_timeout(inside->endpoint, &at_us);
    inside->of_free = hiatus_free(inside->endpoint);
    return inside->returns;
}

static void endpoints(void)
{
    hiatus_secrets secrets = {{1}, {2}};
    hiatus_limits limits;
    hiatus_endpoint *endpoint = NULL;

    WANT(HIATUS_ERROR_POINTER, hiatus_new(NULL, NULL, &endpoint));
    WANT(HIATUS_ERROR_POINTER, hiatus_new(&secrets, NULL, NULL));
    WANT(HIATUS_ERROR_POINTER, hiatus_config_default(NULL));
    WANT(HIATUS_ERROR_POINTER, hiatus_handle_timeout(NULL, 0));
    WANT(HIATUS_OK, hiatus_free(NULL));
    WANT(HIATUS_OK, hiatus_limits_default(&limits));
    limits.connections_max = 0;
    WANT(HIATUS_ERROR_RANGE, hiatus_new(&secrets, &limits, &endpoint));
    must(endpoint == NULL, "a call that failed wrote to its pointer");
}

static void packets(hiatus_endpoint *endpoint)
{
    uint64_t octets[32];
    uint8_t *buffer = (uint8_t *)octets;
    hiatus_packet packet;

    WANT(HIATUS_ERROR_POINTER, hiatus_handle_packet(endpoint, 0, NULL, 40, 0));
    WANT(HIATUS_ERROR_POINTER, hiatus_handle_timeout((hiatus_endpoint *)(void *)(buffer + 1), 0));
    WANT(HIATUS_ERROR_RANGE, hiatus_handle_packet(endpoint, 0, buffer, (size_t)-1, 0));
    WANT(HIATUS_ERROR_RANGE, hiatus_handle_packet(endpoint, 0, buffer, 0, 2));
    WANT(HIATUS_OK, hiatus_handle_packet(endpoint, 0, NULL, 0, 0));
    memset(octets, 0xff, sizeof octets);
    WANT(HIATUS_OK, hiatus_handle_packet(endpoint, 0, buffer, sizeof octets, 0));
    WANT(HIATUS_ERROR_ROOM, hiatus_poll_packet(endpoint, 0, buffer, HIATUS_PACKET_OCTETS_MIN - 1, &packet));
    WANT(HIATUS_NOTHING, hiatus_poll_packet(endpoint, 0, buffer, HIATUS_PACKET_OCTETS_MIN, &packet));
}

static void listeners(hiatus_endpoint *endpoint)
{
    hiatus_address local = {{10, 0, 0, 1}, 80, 4, 0}, other = local;
    hiatus_config config;
    hiatus_listener listener = 7;
    hiatus_connection connection = 7;
    size_t count = 7;
    char text[200], two[2];

    WANT(HIATUS_OK, hiatus_config_default(&config));
    WANT(HIATUS_ERROR_POINTER, hiatus_listen(endpoint, NULL, &config, NULL, &listener));
    WANT(HIATUS_ERROR_POINTER, hiatus_listen(endpoint, &local, &config, NULL, NULL));
    config.mss_octets = 0;
    WANT(HIATUS_ERROR_RANGE, hiatus_listen(endpoint, &local, &config, NULL, &listener));
    WANT(HIATUS_OK, hiatus_error(endpoint, (uint8_t *)text, sizeof text, &count));
    must(strcmp(text, "config.mss_octets: 0, expected 64 to 65535") == 0 && count == strlen(text), text);
    WANT(HIATUS_ERROR_ROOM, hiatus_error(endpoint, (uint8_t *)two, sizeof two, NULL));
    must(two[0] == 'c' && two[1] == 0, "hiatus_error cut the text wrongly");
    WANT(HIATUS_OK, hiatus_config_default(&config));
    config.offer = 8;
    WANT(HIATUS_ERROR_RANGE, hiatus_listen(endpoint, &local, &config, NULL, &listener));
    WANT(HIATUS_OK, hiatus_config_default(&config));
    local.family = 5;
    WANT(HIATUS_ERROR_RANGE, hiatus_listen(endpoint, &local, &config, NULL, &listener));
    local = other;
    local.port = 0;
    WANT(HIATUS_ERROR_NO_PORT, hiatus_listen(endpoint, &local, &config, NULL, &listener));
    must(listener == 7, "a call that failed wrote to its pointer");
    WANT(HIATUS_OK, hiatus_listen(endpoint, &other, &config, NULL, &listener));
    WANT(HIATUS_ERROR_TAKEN, hiatus_listen(endpoint, &other, &config, NULL, &listener));
    WANT(HIATUS_NOTHING, hiatus_accept(endpoint, listener, &connection));
    WANT(HIATUS_ERROR_NO_LISTENER, hiatus_accept(endpoint, 0, &connection));
    WANT(HIATUS_OK, hiatus_unlisten(endpoint, 0, listener));
}

static void snapshots(hiatus_endpoint *endpoint)
{
    struct inside inside = {NULL, HIATUS_OK, HIATUS_OK, 0, 0};
    uint8_t is_full = 7;

    inside.endpoint = endpoint;
    inside.returns = 3;
    WANT(HIATUS_ERROR_POINTER, hiatus_snapshot_taken(endpoint, 0, 1, NULL, &inside, NULL));
    WANT(HIATUS_ERROR_CALLBACK, hiatus_snapshot_taken(endpoint, 0, 1, within, &inside, &is_full));
    WANT(HIATUS_ERROR_BUSY, inside.of_call);
    WANT(HIATUS_ERROR_BUSY, inside.of_free);
    inside.returns = 0;
    WANT(HIATUS_OK, hiatus_snapshot_taken(endpoint, 0, 2, within, &inside, &is_full));
    must(is_full == 1 && inside.calls == 2, "after a callback that failed the next epoch is not full");
    WANT(HIATUS_OK, hiatus_snapshot_taken(endpoint, 0, 3, within, &inside, &is_full));
    must(is_full == 0 && inside.calls == 2, "an epoch in which nothing changed tells something");
}

static void connections(void)
{
    hiatus_secrets secrets = {{1}, {2}};
    hiatus_limits limits;
    hiatus_endpoint *endpoint = NULL;
    hiatus_address local = {{10, 0, 0, 1}, 80, 4, 0}, remote = {{10, 0, 0, 2}, 80, 4, 0}, six = {{1}, 80, 6, 0};
    hiatus_config config;
    hiatus_connection connection, second;
    hiatus_info info;
    hiatus_event event;
    uint8_t octets[16] = {0};
    size_t count;

    WANT(HIATUS_OK, hiatus_config_default(&config));
    WANT(HIATUS_OK, hiatus_limits_default(&limits));
    limits.connections_max = 1;
    WANT(HIATUS_OK, hiatus_new(&secrets, &limits, &endpoint));
    packets(endpoint);
    listeners(endpoint);
    WANT(HIATUS_ERROR_ADDRESS, hiatus_connect(endpoint, 0, &local, &six, &config, &connection));
    WANT(HIATUS_OK, hiatus_connect(endpoint, 0, &local, &remote, &config, &connection));
    WANT(HIATUS_ERROR_FULL, hiatus_connect(endpoint, 0, &local, &remote, &config, &second));
    WANT(HIATUS_OK, hiatus_connection_info(endpoint, connection, &info));
    must(info.tcp == HIATUS_TCP_SYN_SENT && info.remote.port == 80 && info.remote.octets[3] == 2,
         "hiatus_connection_info is wrong");
    WANT(HIATUS_ERROR_NO_CONNECTION, hiatus_connection_info(endpoint, 0, &info));
    WANT(HIATUS_ERROR_NO_CONNECTION, hiatus_write(endpoint, 0, connection + 1, octets, sizeof octets, &count));
    WANT(HIATUS_ERROR_NO_CONNECTION, hiatus_abort(endpoint, 0, UINT64_MAX));
    WANT(HIATUS_ERROR_HIATUS_OFF, hiatus_suspend(endpoint, 0, connection, 60));
    WANT(HIATUS_ERROR_RANGE, hiatus_set_nagle(endpoint, 0, connection, 2));
    WANT(HIATUS_NOTHING, hiatus_read(endpoint, 0, connection, octets, sizeof octets, &count));
    must(count == 0, "hiatus_read found octets before there is a connection");
    snapshots(endpoint);

    WANT(HIATUS_OK, hiatus_close(endpoint, 0, connection));
    WANT(HIATUS_OK, hiatus_poll_event(endpoint, &event));
    must(event.kind == HIATUS_EVENT_CLOSED && event.connection == connection, "closed in SYN-SENT: another event");
    WANT(HIATUS_NOTHING, hiatus_poll_event(endpoint, &event));
    WANT(HIATUS_ERROR_NO_CONNECTION, hiatus_read(endpoint, 0, connection, octets, sizeof octets, &count));
    WANT(HIATUS_OK, hiatus_free(endpoint));
}

static void restoring(void)
{
    hiatus_secrets secrets = {{1}, {2}};
    hiatus_endpoint *endpoint = NULL;
    hiatus_address local = {{10, 0, 0, 1}, 80, 4, 0}, remote = {{10, 0, 0, 2}, 80, 4, 0};
    hiatus_config config;
    hiatus_connection connection;
    hiatus_restoration life = {0, {0}, 1, 0, 0, {0}}, odd = {0, {0}, 1, 0, 2, {0}};
    uint8_t octets[HIATUS_RECORD_OCTETS_MIN] = {0};
    hiatus_record record = {octets, sizeof octets, NULL}, none = {NULL, 10, NULL};
    struct inside inside = {NULL, HIATUS_OK, HIATUS_OK, 0, 0};

    WANT(HIATUS_OK, hiatus_config_default(&config));
    WANT(HIATUS_OK, hiatus_new(&secrets, NULL, &endpoint));
    WANT(HIATUS_ERROR_NOT_RESTORING, hiatus_restore(endpoint, 0, &life, &config, NULL, 0, NULL));
    WANT(HIATUS_OK, hiatus_free(endpoint));
    WANT(HIATUS_OK, hiatus_new_restoring(&secrets, NULL, &endpoint));
    WANT(HIATUS_ERROR_RESTORING, hiatus_connect(endpoint, 0, &local, &remote, &config, &connection));
    WANT(HIATUS_ERROR_RESTORING, hiatus_snapshot_taken(endpoint, 0, 1, within, &inside, NULL));
    WANT(HIATUS_ERROR_POINTER, hiatus_restore(endpoint, 0, NULL, &config, NULL, 0, NULL));
    WANT(HIATUS_ERROR_POINTER, hiatus_restore(endpoint, 0, &life, &config, NULL, 1, NULL));
    WANT(HIATUS_ERROR_POINTER, hiatus_restore(endpoint, 0, &life, &config, &none, 1, NULL));
    WANT(HIATUS_ERROR_RECORD, hiatus_restore(endpoint, 0, &life, &config, &record, 1, NULL));
    WANT(HIATUS_ERROR_RANGE, hiatus_restore(endpoint, 0, &odd, &config, NULL, 0, NULL));
    WANT(HIATUS_OK, hiatus_restore(endpoint, 0, &life, &config, NULL, 0, NULL));
    WANT(HIATUS_ERROR_NOT_RESTORING, hiatus_restore(endpoint, 0, &life, &config, NULL, 0, NULL));
    WANT(HIATUS_OK, hiatus_free(endpoint));
}

int main(void)
{
    must(hiatus_version() == HIATUS_VERSION, "the header is of another version than the library");
    must(strcmp(hiatus_strerror(12345), "no status of hiatus") == 0, "a status that there is not has a text");
    must(strcmp(hiatus_event_name(999), "unknown") == 0, "an event that there is not has a name");
    endpoints();
    connections();
    restoring();
    return wrong;
}
