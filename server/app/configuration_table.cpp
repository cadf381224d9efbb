// The table itself: every key, with its type, unit, range, whether a reload takes it up, and a sentence. Its default is
// the member's in configuration.hpp.

#include "app/configuration_table.hpp"

#include "app/configuration_forms.hpp"

namespace sealpost::app {
namespace {

using C = Configuration;

template <auto Part, auto Member>
auto& field(C& configuration, std::size_t listener) {
  if constexpr (std::is_same_v<decltype(Part), std::vector<Listener> C::*>)
    return (configuration.*Part)[listener].*Member;
  else
    return (configuration.*Part).*Member;
}

template <auto Part, auto Member>
constexpr Integer integer(std::int64_t least, std::int64_t most) {
  return {field<Part, Member>, least, most};
}

template <auto Part, auto Member>
constexpr Flag flag() {
  return {field<Part, Member>};
}

template <auto Part, auto Member>
constexpr Text text(const Form& form) {
  return {field<Part, Member>, &form};
}

template <auto Part, auto Member>
constexpr List list(const Form& form) {
  return {field<Part, Member>, &form};
}

template <auto Part, auto Member>
constexpr Choice choice(std::span<const std::string_view> names) {
  return {names, [](C& c, std::size_t i) { return static_cast<int>(field<Part, Member>(c, i)); },
          [](C& c, std::size_t i, int value) {
            auto& chosen = field<Part, Member>(c, i);
            chosen = static_cast<std::remove_reference_t<decltype(chosen)>>(value);
          }};
}

constexpr std::string_view listener_kinds[] = {"mqtt", "mqtts", "ws", "wss", "http", "https", "unix-mqtt", "unix-http"};
constexpr std::string_view socket_accesses[] = {"owner", "group", "everyone"};
constexpr std::string_view accesses[] = {"proven", "open", "bots"};
constexpr std::string_view demands[] = {"none", "optional", "required"};
constexpr std::string_view policies[] = {"open", "invite", "listed"};
constexpr std::string_view bots[] = {"none", "echo", "rest"};
constexpr std::string_view unlocks[] = {"key-file", "passphrase", "credential"};
constexpr std::string_view levels[] = {"debug", "info", "warn", "error"};
constexpr std::string_view formats[] = {"text", "json"};

constexpr auto restart = Takes::restart;
constexpr auto reload = Takes::reload;
constexpr std::int64_t million = 1'000'000;
constexpr std::int64_t mib = 1024 * 1024;
constexpr std::int64_t hour = 3600;  // in seconds

using S = ServerSection;
const Key server_keys[] = {
    {"data_dir", "", restart, text<&C::server, &S::data_dir>(forms::path),
     "Where the server keeps its log, keys and sockets; relative paths elsewhere in this file start here. A relative "
     "data_dir starts in the working directory."},
    {"name", "", restart, text<&C::server, &S::name>(forms::name),
     "The server's name, which its identity bears and clients see."},
    {"endpoints", "", restart, list<&C::server, &S::endpoints>(forms::endpoint),
     "The addresses that clients dial, as they dial them: a handshake that names another is refused. Behind a proxy, "
     "the proxy's address."},
    {"threads", "", restart, integer<&C::server, &S::threads>(0, 256),
     "Threads that serve connections; 0: one for "
     "each core."},
    {"create_missing", "", restart, flag<&C::server, &S::create_missing>(),
     "On the first start, when data_dir holds neither keys nor log, make the server's identity and keys. If false, "
     "refuse to start instead."},
};

using L = Listener;
const Key listener_keys[] = {
    {"name", "", restart, text<&C::listeners, &L::name>(forms::label),
     "Names the listener in log lines and in environment variables; each has its own."},
    {"kind", "", restart, choice<&C::listeners, &L::kind>(listener_kinds),
     "How it speaks. ws and wss are MQTT in a WebSocket at /mqtt; the s stands for TLS; unix-mqtt and unix-http are "
     "Unix sockets."},
    {"serves", "", restart, list<&C::listeners, &L::serves>(forms::service),
     "What it gives: mqtt (clients), api (REST), health (/livez, /readyz, /metrics). Empty: mqtt, or api for http, "
     "https and unix-http. Only ws and wss can give mqtt and api together; health stands alone."},
    {"address", "", restart, text<&C::listeners, &L::address>(forms::address),
     "The address to listen on; 0.0.0.0 or :: are all addresses of the machine."},
    {"port", "", restart, integer<&C::listeners, &L::port>(0, 65535),
     "The TCP port, which every listener but a Unix socket needs; 0: the system chooses a free one."},
    {"path", "", restart, text<&C::listeners, &L::path>(forms::path_or_none), "Where the Unix socket is."},
    {"socket_access", "", restart, choice<&C::listeners, &L::socket_access>(socket_accesses),
     "Who may connect to the Unix socket."},
    {"access", "", restart, choice<&C::listeners, &L::access>(accesses),
     "Which MQTT clients it takes: proven (an identity proves itself); bots (those with a token of `sealpost token` as "
     "password, for app/...); or open: anybody, for ordinary MQTT on any topic that does not begin with sp/ or $, for "
     "tools, tests and machines that are trusted."},
    {"open_to_other_machines", "", restart, flag<&C::listeners, &L::open_to_other_machines>(),
     "Let a listener with open access listen on an address that other machines reach. Whoever reaches it reads and "
     "writes all ordinary topics."},
    {"certificate", "", restart, text<&C::listeners, &L::certificate>(forms::path_or_none),
     "PEM file of the certificate and the intermediate ones after it, for mqtts, wss and https. The file is read again "
     "on SIGHUP."},
    {"private_key", "", restart, text<&C::listeners, &L::private_key>(forms::path_or_none),
     "PEM file of the certificate's private key, not encrypted. The file is read again on SIGHUP."},
    {"self_signed", "", restart, flag<&C::listeners, &L::self_signed>(),
     "Make a self-signed certificate if both files are missing: for development, as clients must be told to trust it."},
    {"allow_tls_1_2", "", restart, flag<&C::listeners, &L::allow_tls_1_2>(),
     "Accept TLS 1.2 too, for old devices. Their handshakes are not bound to the connection."},
    {"client_certificates", "", restart, choice<&C::listeners, &L::client_certificates>(demands),
     "Whether a client shows a certificate when TLS begins. One that is shown must be good, also where it is optional. "
     "It is asked for beside what the listener asks of clients otherwise, not in its place."},
    {"client_ca", "", restart, text<&C::listeners, &L::client_ca>(forms::path_or_none),
     "PEM file of the authorities that sign the clients' certificates. The file is read again on SIGHUP."},
    {"proxy_from", "", restart, list<&C::listeners, &L::proxy_from>(forms::address_range),
     "Proxies that speak the PROXY protocol, version 2: a connection from one of these must begin with its header, "
     "also "
     "before TLS, and the client's address is what that says. From others no header is taken."},
    {"origins", "", restart, list<&C::listeners, &L::origins>(forms::origin),
     "Web pages that may open a WebSocket here, by origin; empty: any."},
};

using M = LimitsSection;
const Key limits_keys[] = {
    {"max_message_bytes", "bytes", restart, integer<&C::limits, &M::max_message_bytes>(1024, 16 * mib),
     "The largest message a client may send."},
    {"window", "messages", restart, integer<&C::limits, &M::window>(1, 16),
     "Messages of one device that may be under way at once, each way."},
    {"session_seconds", "seconds", restart, integer<&C::limits, &M::session_seconds>(60, 30 * 24 * hour),
     "How long a client's proof holds before it must prove itself again."},
    {"mqtt_session_seconds_max", "seconds", restart,
     integer<&C::limits, &M::mqtt_session_seconds_max>(0, 366 * 24 * hour),
     "How long a client's subscriptions outlive its connection, at most. Messages wait for it longer."},
    {"max_connections", "connections", restart, integer<&C::limits, &M::max_connections>(1, million),
     "Connections open at once. Each Unix socket, and each listener for health only, counts its own."},
    {"max_unproven_connections", "connections", restart, integer<&C::limits, &M::max_unproven_connections>(1, million),
     "Of these, those that have not yet proven who they are."},
    {"max_unproven_per_address", "connections", restart, integer<&C::limits, &M::max_unproven_per_address>(1, million),
     "Of these, those from one IPv4 address or IPv6 /64 network."},
    {"unproven_seconds", "seconds", restart, integer<&C::limits, &M::unproven_seconds>(1, 300),
     "Time a connection has to prove who it is; over HTTP, for all requests without a valid token."},
    {"unproven_bytes", "bytes", restart, integer<&C::limits, &M::unproven_bytes>(8192, 16 * mib),
     "Bytes a connection may send until then."},
    {"signature_checks_per_second", "checks", restart, integer<&C::limits, &M::signature_checks_per_second>(1, million),
     "Signatures checked or made for connections from one address that are not proven; at once twice as many, but "
     "no fewer than the largest proof takes."},
    {"registrations_per_hour", "identities", restart, integer<&C::limits, &M::registrations_per_hour>(1, million),
     "New identities accepted from one address."},
    {"inbox_messages", "messages", restart, integer<&C::limits, &M::inbox_messages>(1, million),
     "Messages of one client that may wait for the bot; then the client has to wait."},
    {"outbox_messages", "messages", restart, integer<&C::limits, &M::outbox_messages>(16, 100 * million),
     "Messages that may wait for one client; beyond it, what others send waits, and REST answers 429."},
};

using Q = MqttSection;
const Key mqtt_keys[] = {
    {"sessions_max", "sessions", restart, integer<&C::mqtt, &Q::sessions_max>(1, 10 * million),
     "Sessions kept, with and without a connection; beyond, a client that has none is refused."},
    {"subscriptions_max", "subscriptions", restart, integer<&C::mqtt, &Q::subscriptions_max>(1, million),
     "Subscriptions of one session."},
    {"queued_messages_max", "messages", restart, integer<&C::mqtt, &Q::queued_messages_max>(1, million),
     "Messages that may wait for one session; the next ones are dropped for it, and counted."},
    {"queued_bytes_max", "bytes", restart, integer<&C::mqtt, &Q::queued_bytes_max>(1024, 1024 * mib),
     "Bytes that may wait for one session; at least one message may."},
    {"retained_messages_max", "messages", restart, integer<&C::mqtt, &Q::retained_messages_max>(0, 10 * million),
     "Retained messages kept; beyond, a message that would be one more is refused."},
    {"retained_bytes_max", "bytes", restart, integer<&C::mqtt, &Q::retained_bytes_max>(0, 64 * 1024 * mib),
     "Bytes of retained messages kept."},
    {"in_flight_max", "messages", restart, integer<&C::mqtt, &Q::in_flight_max>(1, 50'000),
     "QoS 1 and 2 messages sent to one client and not yet acknowledged; less where the client's Receive Maximum says "
     "so."},
    {"receive_maximum", "messages", restart, integer<&C::mqtt, &Q::receive_maximum>(1, 65'535),
     "QoS 1 and 2 messages that a client may have under way to the server."},
    {"topic_alias_maximum", "aliases", restart, integer<&C::mqtt, &Q::topic_alias_maximum>(0, 65'535),
     "Topic aliases that one client may use."},
    {"keep_alive_seconds_max", "seconds", restart, integer<&C::mqtt, &Q::keep_alive_seconds_max>(0, 65'535),
     "The longest Keep Alive; an MQTT 5 client that wants a longer one, or none, is told this. 0: any."},
};

using P = AppSection;
const Key app_keys[] = {
    {"clients_publish", "", reload, list<&C::app, &P::clients_publish>(forms::rule),
     "Where clients that have proven an identity may publish: topic filters, with %c for the client's permalink and %d "
     "for its device."},
    {"clients_subscribe", "", reload, list<&C::app, &P::clients_subscribe>(forms::rule),
     "What they may subscribe to. app/presence/... is kept by the server."},
    {"bots_publish", "", reload, list<&C::app, &P::bots_publish>(forms::rule),
     "Where bots that speak MQTT may publish; %c is the name of the bot's token, %d its client id."},
    {"bots_subscribe", "", reload, list<&C::app, &P::bots_subscribe>(forms::rule), "What they may subscribe to."},
    {"presence", "", restart, flag<&C::app, &P::presence>(),
     "Keep a retained message at app/presence/PERMALINK for each client: whether it is connected, and since when."},
};

using R = RegistrationSection;
const Key registration_keys[] = {
    {"policy", "", reload, choice<&C::registration, &R::policy>(policies),
     "Which unknown identities may register: open (any), invite (with a code from `invites`), listed (those in "
     "`listed`)."},
    {"invites", "", reload, list<&C::registration, &R::invites>(forms::digest),
     "Invitation codes, each as the SHA-256 of the code in hex (printf %s CODE | sha256sum)."},
    {"listed", "", reload, list<&C::registration, &R::listed>(forms::digest),
     "Permalinks of the identities that may register."},
};

using B = BotSection;
const Key bot_keys[] = {
    {"kind", "", restart, choice<&C::bot, &B::kind>(bots),
     "Who answers: none, echo (the built-in demo), rest (a program that takes /v1/updates)."},
    {"consumer", "", restart, text<&C::bot, &B::consumer>(forms::label),
     "The name under which the bot's positions are kept. Another name starts over."},
    {"retry_delay_ms_min", "milliseconds", restart, integer<&C::bot, &B::retry_delay_ms_min>(1, million),
     "After a failure the bot is asked again this much later, then twice as much, and so on."},
    {"retry_delay_ms_max", "milliseconds", restart, integer<&C::bot, &B::retry_delay_ms_max>(1, 24 * hour * 1000),
     "The longest such wait."},
};

const Key log_keys[] = {
    {"file", "", restart, text<&C::log, &LogSection::file>(forms::path),
     "The event log, a database. No other program may open it while the server runs."},
};

using K = KeysSection;
const Key keys_keys[] = {
    {"file", "", restart, text<&C::keys, &K::file>(forms::path),
     "The server's private keys, encrypted. Back it up, and apart from it what unlocks it."},
    {"unlock", "", restart, choice<&C::keys, &K::unlock>(unlocks),
     "What unlocks it: key-file (`key_file`), passphrase (in `passphrase_variable`), credential (of systemd, "
     "`credential`)."},
    {"key_file", "", restart, text<&C::keys, &K::key_file>(forms::path),
     "32 bytes in hex or base64url, readable by the server's user only (mode 0600). Made on the first start."},
    {"passphrase_variable", "", restart, text<&C::keys, &K::passphrase_variable>(forms::variable),
     "The environment variable that holds the passphrase."},
    {"credential", "", restart, text<&C::keys, &K::credential>(forms::file_name),
     "The name under LoadCredential= or LoadCredentialEncrypted= in the unit, of what a key file holds."},
};

using A = ApiSection;
const Key api_keys[] = {
    {"tokens_file", "", restart, text<&C::api, &A::tokens_file>(forms::path),
     "Bots' tokens, hashed; written by `sealpost token`."},
    {"long_poll_seconds_max", "seconds", restart, integer<&C::api, &A::long_poll_seconds_max>(1, 600),
     "The longest that /v1/updates waits for something to arrive."},
};

using G = LoggingSection;
const Key logging_keys[] = {
    {"level", "", reload, choice<&C::logging, &G::level>(levels), "Lines of this level and above are written."},
    {"format", "", restart, choice<&C::logging, &G::format>(formats),
     "text, for people and the journal, or json, one object a line."},
};

const Section table[] = {
    {"server", false, "The server as a whole.", server_keys},
    {"listener", true, "One for each place where the server listens; at least one.", listener_keys},
    {"limits", false, "What one client, one address and all together may take.", limits_keys},
    {"mqtt", false, "Ordinary MQTT: sessions, subscriptions, retained messages, outside the protocol's own topics.",
     mqtt_keys},
    {"app", false, "Ordinary MQTT under app/, for clients that have proven an identity and for bots: who may do what.",
     app_keys},
    {"registration", false, "Who may join.", registration_keys},
    {"bot", false, "Who answers messages to the server.", bot_keys},
    {"log", false, "The event log.", log_keys},
    {"keys", false, "The server's private keys.", keys_keys},
    {"api", false, "The REST interface.", api_keys},
    {"logging", false, "Lines about what the server does, on standard error.", logging_keys},
};

}  // namespace

std::span<const Section> sections() {
  return table;
}

}  // namespace sealpost::app
