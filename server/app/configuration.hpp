#pragma once
// The daemon's configuration: what the operator may choose. The structs below hold the values and their defaults;
// configuration_table.cpp tells everything else about each key (type, range, sentence), and from that one table come
// the reading, the checks, the sample in config/ and the page in docs/.

#include <boost/system/result.hpp>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/ports.hpp"

namespace sealpost::app {

// How a listener speaks. `ws` and `wss` are HTTP with MQTT in a WebSocket at /mqtt.
enum class ListenerKind { mqtt, mqtts, ws, wss, http, https, unix_mqtt, unix_http };
bool ends_tls(ListenerKind);
bool is_unix(ListenerKind);
bool speaks_http(ListenerKind);

// Who may connect to a Unix socket.
enum class SocketAccess { owner, group, everyone };
std::uint32_t mode_of(SocketAccess);  // 0600, 0660, 0666

// Which clients a listener for MQTT takes: those that prove an identity; anybody, or bots with a token, for ordinary
// MQTT.
enum class ListenerAccess { proven, open, bots };

// Whether clients show a certificate when TLS begins.
enum class CertificateDemand { none, optional, required };

enum class Unlock { key_file, passphrase, credential };
enum class RegistrationPolicy { open, invite, listed };
enum class BotKind { none, echo, rest };
enum class LogFormat { text, json };

struct ServerSection {
  std::string data_dir = "/var/lib/sealpost";
  std::string name = "Sealpost";
  std::vector<std::string> endpoints;  // "mqtts://chat.example.org:8883": what a Hello may name (PROTOCOL section 3)
  std::int64_t threads = 0;            // 0: one for each core
  bool create_missing = true;
};

struct Listener {
  std::string name;
  ListenerKind kind = ListenerKind::mqtt;
  std::vector<std::string> serves;  // mqtt, api, health; by kind where the operator says nothing
  std::string address = "127.0.0.1";
  std::int64_t port = -1;  // -1: none given (a Unix socket); 0: the kernel chooses
  std::string path;        // of the Unix socket
  SocketAccess socket_access = SocketAccess::owner;
  ListenerAccess access = ListenerAccess::proven;
  bool open_to_other_machines = false;
  std::string certificate;
  std::string private_key;
  bool self_signed = false;
  bool allow_tls_1_2 = false;
  CertificateDemand client_certificates = CertificateDemand::none;
  std::string client_ca;
  std::vector<std::string> proxy_from;  // addresses and ranges of those who say first for whom they speak
  std::vector<std::string> origins;     // of pages that may open a WebSocket; empty: any

  bool serves_what(std::string_view what) const;
};

struct LimitsSection {
  std::int64_t max_message_bytes = 256 * 1024;
  std::int64_t window = 16;
  std::int64_t session_seconds = 86'400;
  std::int64_t mqtt_session_seconds_max = 604'800;
  std::int64_t max_connections = 20'000;
  std::int64_t max_unproven_connections = 4'096;
  std::int64_t max_unproven_per_address = 256;
  std::int64_t unproven_seconds = 10;
  std::int64_t unproven_bytes = 64 * 1024;
  std::int64_t signature_checks_per_second = 100;  // for one address
  std::int64_t registrations_per_hour = 100;       // for one address
  std::int64_t inbox_messages = 1'000;             // of one client, that wait for the bot
  std::int64_t outbox_messages = 100'000;          // of one client, not yet acknowledged
};

struct MqttSection {
  std::int64_t sessions_max = 100'000;
  std::int64_t subscriptions_max = 10'000;
  std::int64_t queued_messages_max = 10'000;
  std::int64_t queued_bytes_max = 16 * 1024 * 1024;
  std::int64_t retained_messages_max = 100'000;
  std::int64_t retained_bytes_max = 64 * 1024 * 1024;
  std::int64_t in_flight_max = 100;
  std::int64_t receive_maximum = 256;
  std::int64_t topic_alias_maximum = 32;
  std::int64_t keep_alive_seconds_max = 0;
};

// Rules: topic filters under app/, with %c for a client's permalink and %d for its device.
struct AppSection {
  std::vector<std::string> clients_publish;
  std::vector<std::string> clients_subscribe;
  std::vector<std::string> bots_publish{"app/#"};
  std::vector<std::string> bots_subscribe{"app/#"};
  bool presence = false;
};

struct RegistrationSection {
  RegistrationPolicy policy = RegistrationPolicy::open;
  std::vector<std::string> invites;  // SHA-256 of each invitation code, in hex
  std::vector<std::string> listed;   // permalinks
};

struct BotSection {
  BotKind kind = BotKind::none;
  std::string consumer = "bot";
  std::int64_t retry_delay_ms_min = 100;
  std::int64_t retry_delay_ms_max = 30'000;
};

struct LogSection {
  std::string file = "log.db";
};

struct KeysSection {
  std::string file = "keys/server.keys";
  Unlock unlock = Unlock::key_file;
  std::string key_file = "keys/unlock.key";
  std::string passphrase_variable = "SEALPOST_PASSPHRASE";
  std::string credential = "sealpost.key";
};

struct ApiSection {
  std::string tokens_file = "tokens";
  std::int64_t long_poll_seconds_max = 60;
};

struct LoggingSection {
  Level level = Level::info;
  LogFormat format = LogFormat::text;
};

struct Configuration {
  ServerSection server;
  std::vector<Listener> listeners;
  LimitsSection limits;
  MqttSection mqtt;
  AppSection app;
  RegistrationSection registration;
  BotSection bot;
  LogSection log;
  KeysSection keys;
  ApiSection api;
  LoggingSection logging;

  // A path of the configuration: as it stands if absolute, else in server.data_dir.
  std::filesystem::path in_data_dir(std::string_view path) const;
};

// Name and value of each environment variable.
using Environment = std::map<std::string, std::string>;
Environment environment_of_process();

// Sentences for the operator: file and line (or variable), what is wrong, what is allowed or nearest.
struct Problems {
  std::vector<std::string> sentences;

  std::string text() const;  // one a line
};
[[noreturn]] void throw_exception_from_error(const Problems&, const boost::source_location&);

// Reads TOML `text` (`file` is how problems name it), then the overrides SEALPOST_<SECTION>_<KEY> and
// SEALPOST_LISTENER_<NAME>_<KEY>, then checks the whole. All problems come at once.
boost::system::result<Configuration, Problems> read_configuration(std::string_view text, std::string_view file,
                                                                  const Environment&);
// The same, of a file.
boost::system::result<Configuration, Problems> load_configuration(const std::filesystem::path&, const Environment&);

// Every key with the value in force, as TOML that reads back to the same.
std::string print_configuration(const Configuration&);
// config/sealpost.toml and docs/configuration.md.
std::string sample_configuration();
std::string configuration_reference();

// The keys that differ, by full name ("limits.window"). A running server takes up the reloadable ones; the operator is
// told of the others, which wait for a restart.
struct Changes {
  std::vector<std::string> reloadable;
  std::vector<std::string> need_restart;
};
Changes changes_between(const Configuration& before, const Configuration& after);

}  // namespace sealpost::app
