/* A client over libmosquitto, driven by test/system/mosquitto_clients_test.py.

       libmosquitto_client HOST PORT CLIENT_ID TOPIC_PREFIX 311|5 [CA_FILE]

   With the topics of a device's lanes under TOPIC_PREFIX, it is a client of the protocol; where that is empty, one of
   ordinary MQTT, which subscribes to nothing by itself and has a session of 600 s.

   Commands on standard input, a line each:  connect TICKET, publish PAYLOAD, quit.
   Events on standard output, a line each:   connected CODE, subscribed, published, answered CODE
                                             (a PUBACK), message NAME PAYLOAD, disconnected CODE.
   In ordinary MQTT:  connect WILL_TOPIC (or -), subscribe QOS FILTER, send QOS RETAIN TOPIC PAYLOAD;
                      granted QOS, got QOS RETAIN TOPIC PAYLOAD.

   libmosquitto has no AUTH exchange, so both versions of MQTT come with a ticket from REST. Two of its habits a device
   has to know. It sends again by itself what was under way when a connection broke, before anybody could look at the
   light and the positions of the new one: so each connection gets a new handle, and the outbox is the caller's. And it
   sends the PUBACK of a delivery before it calls back: so `received` in the next Proof, which names what is really
   stored, is what counts, and the server delivers again from there. */

#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *host, *client_id, *prefix, *ca_file;
static int port, version;
static struct mosquitto* handle;

static void die(const char* what, int code) {
  fprintf(stderr, "%s: %s\n", what, code == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(code));
  exit(1);
}

static void must(const char* what, int code) {
  if (code != MOSQ_ERR_SUCCESS) die(what, code);
}

static bool is_plain(void) {
  return *prefix == '\0';
}

static char* topic(const char* name) {
  static char text[512];
  snprintf(text, sizeof text, "%s%s", prefix, name);
  return text;
}

static void subscribe(void) {
  static const char* const names[] = {"ack", "reject", "light", "inbox"}; /* the answers first: inbox starts delivery */
  for (size_t at = 0; at < sizeof names / sizeof *names; ++at) {
    must("subscribe", mosquitto_subscribe(handle, NULL, topic(names[at]), strcmp(names[at], "inbox") == 0));
  }
}

static void on_connect(struct mosquitto* mosq, void* unused, int code, int flags, const mosquitto_property* props) {
  (void)mosq, (void)unused, (void)props;
  if (is_plain())
    printf("connected %d %s\n", code, flags & 1 ? "present" : "new");
  else
    printf("connected %d\n", code);
  if (code == 0 && !is_plain()) subscribe();
}

static void on_subscribe(struct mosquitto* mosq, void* unused, int mid, int count, const int* granted,
                         const mosquitto_property* props) {
  (void)mosq, (void)unused, (void)mid, (void)props;
  if (is_plain()) {
    printf("granted %d\n", granted[0]);
    return;
  }
  if (count != 1 || granted[0] > 1) die("the server refused a subscription", MOSQ_ERR_ACL_DENIED);
  if (granted[0] == 1) printf("subscribed\n");
}

static void on_publish(struct mosquitto* mosq, void* unused, int mid, int code, const mosquitto_property* props) {
  (void)mosq, (void)unused, (void)mid, (void)props;
  printf("answered %d\n", code);
}

static void on_message(struct mosquitto* mosq, void* unused, const struct mosquitto_message* message,
                       const mosquitto_property* props) {
  (void)mosq, (void)unused, (void)props;
  if (is_plain()) {
    printf("got %d %d %s %.*s\n", message->qos, message->retain, message->topic, message->payloadlen,
           (const char*)message->payload);
    return;
  }
  if (strncmp(message->topic, prefix, strlen(prefix)) != 0) die(message->topic, MOSQ_ERR_INVAL);
  printf("message %s %.*s\n", message->topic + strlen(prefix), message->payloadlen, (const char*)message->payload);
}

static void on_disconnect(struct mosquitto* mosq, void* unused, int code, const mosquitto_property* props) {
  (void)mosq, (void)unused, (void)props;
  printf("disconnected %d\n", code);
}

static void start(const char* ticket_or_will) {
  mosquitto_property* props = NULL;
  if (!is_plain()) {
    must("ticket", mosquitto_username_pw_set(handle, client_id, ticket_or_will));
  } else {
    if (version == MQTT_PROTOCOL_V5)
      must("expiry", mosquitto_property_add_int32(&props, MQTT_PROP_SESSION_EXPIRY_INTERVAL, 600));
    if (strcmp(ticket_or_will, "-") != 0) must("will", mosquitto_will_set(handle, ticket_or_will, 4, "gone", 2, true));
  }
  must("connect", mosquitto_connect_bind_v5(handle, host, port, 60, NULL, props));
  mosquitto_property_free_all(&props);
}

static void connect_with(const char* ticket_or_will) {
  mosquitto_destroy(handle); /* and with it what was under way */
  handle = mosquitto_new(client_id, !is_plain(), NULL);
  if (handle == NULL) die("mosquitto_new", MOSQ_ERR_ERRNO);
  mosquitto_connect_v5_callback_set(handle, on_connect);
  mosquitto_subscribe_v5_callback_set(handle, on_subscribe);
  mosquitto_publish_v5_callback_set(handle, on_publish);
  mosquitto_message_v5_callback_set(handle, on_message);
  mosquitto_disconnect_v5_callback_set(handle, on_disconnect);
  must("version", mosquitto_int_option(handle, MOSQ_OPT_PROTOCOL_VERSION, version));
  if (ca_file != NULL) must("TLS", mosquitto_tls_set(handle, ca_file, NULL, NULL, NULL, NULL));
  start(ticket_or_will);
}

/* QOS FILTER */
static void subscribe_to(char* argument) {
  char* filter = strchr(argument, ' ') + 1;
  must("subscribe", mosquitto_subscribe(handle, NULL, filter, atoi(argument)));
}

/* QOS RETAIN TOPIC PAYLOAD */
static void send_to(char* argument) {
  const int qos = argument[0] - '0';
  const bool retain = argument[2] == '1';
  char* name = argument + 4;
  char* payload = strchr(name, ' ');
  *payload++ = '\0';
  must("publish", mosquitto_publish(handle, NULL, name, (int)strlen(payload), payload, qos, retain));
}

/* False at `quit`, and where the input ends. */
static bool obey(char* line) {
  line[strcspn(line, "\n")] = '\0';
  char* argument = strchr(line, ' ');
  if (argument == NULL) return false;
  *argument++ = '\0';
  if (strcmp(line, "connect") == 0) {
    connect_with(argument);
  } else if (strcmp(line, "publish") == 0) {
    must("publish", mosquitto_publish(handle, NULL, topic("outbox"), (int)strlen(argument), argument, 1, false));
    printf("published\n");
  } else if (strcmp(line, "subscribe") == 0) {
    subscribe_to(argument);
  } else if (strcmp(line, "send") == 0) {
    send_to(argument);
  } else {
    die(line, MOSQ_ERR_INVAL);
  }
  return true;
}

/* What the loops return is told by on_disconnect as well; after that the socket is -1, which poll passes over. */
static void serve(void) {
  char* line = NULL;
  size_t size = 0;
  for (;;) {
    struct pollfd watched[] = {{STDIN_FILENO, POLLIN, 0}, {mosquitto_socket(handle), POLLIN, 0}};
    if (handle != NULL && mosquitto_want_write(handle)) watched[1].events |= POLLOUT;
    if (poll(watched, 2, 1000) < 0 && errno != EINTR) die("poll", MOSQ_ERR_ERRNO);
    if (watched[1].revents & (POLLIN | POLLHUP | POLLERR)) mosquitto_loop_read(handle, 1);
    if (watched[1].revents & POLLOUT) mosquitto_loop_write(handle, 1);
    if (handle != NULL) mosquitto_loop_misc(handle);
    if (watched[0].revents != 0 && (getline(&line, &size, stdin) < 0 || !obey(line))) break;
  }
  free(line);
}

int main(int argc, char** argv) {
  if (argc < 6 || argc > 7) die("usage: HOST PORT CLIENT_ID TOPIC_PREFIX 311|5 [CA_FILE]", MOSQ_ERR_INVAL);
  host = argv[1], port = atoi(argv[2]), client_id = argv[3], prefix = argv[4], ca_file = argv[6];
  version = strcmp(argv[5], "5") == 0 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311;
  signal(SIGPIPE, SIG_IGN);        /* over TLS libmosquitto leaves this to us */
  setvbuf(stdin, NULL, _IONBF, 0); /* so that no line hides from poll in a buffer */
  setvbuf(stdout, NULL, _IOLBF, 0);
  must("libmosquitto", mosquitto_lib_init());
  serve();
  if (handle != NULL) mosquitto_disconnect(handle);
  mosquitto_destroy(handle);
  mosquitto_lib_cleanup();
  return 0;
}
