#include "app/configuration.hpp"

#include <rapidcheck.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <set>

#include "app/configuration_nearest.hpp"
#include "app/configuration_table.hpp"

using namespace sealpost;
using namespace sealpost::app;

namespace {

const std::string minimal = R"([server]
endpoints = ["mqtt://localhost:1883"]

[[listener]]
name = "mqtt"
kind = "mqtt"
port = 1883
)";

const std::string source_dir = SEALPOST_SOURCE_DIR;

std::string file(const std::string& path) {
  std::ifstream in(source_dir + "/" + path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

Configuration accepted(const std::string& text, const Environment& environment = {}) {
  return read_configuration(text, "c.toml", environment).value();
}

using Sentences = std::vector<std::string>;

Sentences problems_of(const std::string& text, const Environment& environment = {}) {
  const auto read = read_configuration(text, "c.toml", environment);
  return read ? Sentences{} : read.error().sentences;
}

// The only problem.
std::string problem_of(const std::string& text, const Environment& environment = {}) {
  const Sentences problems = problems_of(text, environment);
  CAPTURE(problems);
  REQUIRE(problems.size() == 1);
  return problems.front();
}

void check_says(const std::string& problem, std::initializer_list<const char*> parts) {
  for (const char* part : parts) CHECK_THAT(problem, Catch::Contains(part));
}

std::string listener(const std::string& rest) {
  return "[server]\nendpoints = [\"mqtt://localhost:1883\"]\n[[listener]]\nname = \"one\"\n" + rest;
}

}  // namespace

TEST_CASE("config/sealpost.toml and docs/configuration.md are what the table says") {
  CHECK(file("config/sealpost.toml") == sample_configuration());
  CHECK(file("docs/configuration.md") == configuration_reference());
}

TEST_CASE("the files in config/ and docker/ are accepted") {
  for (const std::string path : {"config/sealpost.toml", "config/demo.toml", "docker/sealpost.toml"}) {
    const auto read = load_configuration(source_dir + "/" + path, {});
    CAPTURE(path, read ? Sentences{} : read.error().sentences);
    CHECK(read.has_value());
  }
}

TEST_CASE("what is not said has its default") {
  const Configuration configuration = accepted(minimal);
  CHECK(configuration.limits.max_message_bytes == 262144);
  CHECK(configuration.limits.window == 16);
  CHECK(configuration.limits.session_seconds == 86400);
  CHECK(configuration.registration.policy == RegistrationPolicy::open);
  CHECK(configuration.bot.kind == BotKind::none);
  CHECK(configuration.listeners[0].serves == std::vector<std::string>{"mqtt"});
  CHECK(configuration.logging.level == Level::info);
}

TEST_CASE("every key has a sentence, an allowed default, a place in the sample and a variable of its own") {
  std::set<std::string> variables;
  Configuration defaults;
  defaults.listeners.emplace_back();
  const std::string sample = sample_configuration();
  for (const Section& section : sections()) {
    for (const Key& key : section.keys) {
      CAPTURE(section.name, key.name);
      CHECK(key.sentence.back() == '.');
      CHECK(sample.find("\n" + std::string(key.name) + " = ") + 1 + sample.find("\n#" + std::string(key.name) + " = ") +
                1 !=
            0);
      CHECK(variables.insert(variable_of(section.name, key)).second);
      const Value usual = value_of(key, defaults, 0);
      const bool to_be_chosen = usual == Value(std::string()) || usual == Value(std::int64_t{-1});
      if (!to_be_chosen) CHECK(assign(key, defaults, 0, usual));
    }
  }
}

TEST_CASE("what is printed reads back to the same") {
  const Configuration sample = accepted(sample_configuration());
  const std::string printed = print_configuration(sample);
  CHECK(print_configuration(accepted(printed)) == printed);
  CHECK(changes_between(sample, accepted(printed)).need_restart.empty());
  const Configuration odd = accepted(minimal, {{"SEALPOST_SERVER_NAME", R"(a "name" with \ and ü)"}});
  CHECK(accepted(print_configuration(odd)).server.name == R"(a "name" with \ and ü)");
}

TEST_CASE("any allowed number of any key survives printing and reading") {
  CHECK(rc::check([] {
    Configuration configuration = accepted(minimal);
    for (const Section& section : sections())
      for (const Key& key : section.keys)
        if (const auto* integer = std::get_if<Integer>(&key.shape))
          integer->field(configuration, 0) = *rc::gen::inRange(integer->least, integer->most + 1);
    auto& bot = configuration.bot;
    bot.retry_delay_ms_max = std::max(bot.retry_delay_ms_max, bot.retry_delay_ms_min);
    auto& limits = configuration.limits;
    limits.max_connections = std::max(limits.max_connections, limits.max_unproven_connections);
    const Changes changes = changes_between(configuration, accepted(print_configuration(configuration)));
    RC_ASSERT(changes.need_restart.empty() && changes.reloadable.empty());
  }));
}

TEST_CASE("an unknown key names file, line and the nearest known one") {
  check_says(problem_of(minimal + "[limits]\nwindwo = 3\n"), {"c.toml:9:", "\"windwo\"", "[limits]", "\"window\""});
  check_says(problem_of(minimal + "[limits]\nlevel = \"info\"\n"), {"c.toml:9:", "[logging]"});
  check_says(problem_of(minimal + "[limts]\n"), {"c.toml:8:", "\"limts\"", "[limits]"});
  check_says(problem_of(minimal + "[[lisener]]\n"), {"c.toml:8:", "[[listener]]"});
  check_says(problem_of("window = 3\n" + minimal), {"c.toml:1:", "\"window\""});
  check_says(problem_of(minimal + "tsl = true\n"), {"c.toml:8:", "\"tsl\"", "[listener]"});
}

TEST_CASE("a wrong type or range says what is allowed") {
  check_says(problem_of(minimal + "[limits]\nwindow = 0\n"),
             {"c.toml:9:", "window must be an integer from 1 to 16", "not 0"});
  check_says(problem_of(minimal + "[limits]\nwindow = 17\n"), {"from 1 to 16", "not 17"});
  check_says(problem_of(minimal + "[limits]\nwindow = \"8\"\n"), {"an integer", "not \"8\""});
  check_says(problem_of(minimal + "[limits]\nwindow = 8.5\n"), {"c.toml:9:", "an integer"});
  check_says(problem_of(minimal + "[logging]\nlevel = \"loud\"\n"), {"one of debug, info, warn, error", "\"loud\""});
  check_says(problem_of(minimal + "[server]\n"), {"c.toml:8:"});  // TOML: no table twice
  check_says(problem_of(minimal + "allow_tls_1_2 = 1\n"), {"true or false"});
  check_says(problem_of(minimal + "[registration]\nlisted = [\"AB\"]\n"), {"64 lower-case hex digits"});
  check_says(problem_of(minimal + "[registration]\nlisted = [1]\n"), {"64 lower-case hex digits"});
  check_says(problem_of(minimal + "[log]\nfile = \"\"\n"), {"a path"});
  check_says(problem_of(minimal + "[keys]\ncredential = \"../x\"\n"), {"without /"});
}

TEST_CASE("a section that is no table, and listeners that are no tables, are named") {
  check_says(problem_of("limits = 3\n" + minimal), {"c.toml:1:", "[limits]"});
  check_says(problem_of("[server]\nendpoints = [\"mqtt://h:1\"]\n[listener]\nname = \"x\"\n"),
             {"c.toml:3", "[[listener]]"});
}

TEST_CASE("what is not TOML is named with its line") {
  check_says(problem_of(minimal + "[limits\n"), {"c.toml:8:", "not TOML"});
  check_says(problem_of("a = 1\na = 2\n"), {"c.toml:2:"});
}

TEST_CASE("a file that cannot be read is named") {
  const auto missing = load_configuration("/nowhere/sealpost.toml", {});
  REQUIRE_FALSE(missing.has_value());
  check_says(missing.error().sentences.front(), {"/nowhere/sealpost.toml", "cannot be read"});
  CHECK_FALSE(load_configuration("/", {}).has_value());
  CHECK_THROWS_WITH(missing.value(), Catch::Contains("/nowhere/sealpost.toml"));
}

TEST_CASE("all problems of a file come at once") {
  const Sentences problems = problems_of(minimal + "[limits]\nwindow = 0\nwindwo = 1\n[log]\nfile = 3\n");
  CHECK(problems.size() == 3);
}

TEST_CASE("the environment wins over the file, for every type of key") {
  const Configuration configuration = accepted(minimal, {{"SEALPOST_LIMITS_WINDOW", "3"},
                                                         {"SEALPOST_SERVER_NAME", "Post"},
                                                         {"SEALPOST_SERVER_CREATE_MISSING", "false"},
                                                         {"SEALPOST_SERVER_ENDPOINTS", "mqtt://a:1, ws://b:2"},
                                                         {"SEALPOST_BOT_KIND", "echo"},
                                                         {"SEALPOST_LISTENER_MQTT_PORT", "2883"},
                                                         {"HOME", "/root"}});
  CHECK(configuration.limits.window == 3);
  CHECK(configuration.server.name == "Post");
  CHECK_FALSE(configuration.server.create_missing);
  CHECK(configuration.server.endpoints == std::vector<std::string>{"mqtt://a:1", "ws://b:2"});
  CHECK(configuration.bot.kind == BotKind::echo);
  CHECK(configuration.listeners[0].port == 2883);
}

TEST_CASE("every key can be set from the environment") {
  const Configuration sample = accepted(sample_configuration());
  Configuration copy = sample;
  for (const auto& [name, variable] : variables_of(sample)) {
    const Value value = value_of(*variable.key, copy, variable.listener);
    if (variable.table != "listener[0]" && std::holds_alternative<TextList>(value)) continue;
    const auto* text = std::get_if<std::string>(&value);
    const std::string written = text ? *text : toml_of(value);
    if (written.empty() || written == "[]" || written == "-1" || std::holds_alternative<TextList>(value)) continue;
    const auto read = read_configuration(sample_configuration(), "c.toml", {{name, written}});
    CAPTURE(name, written, read ? Sentences{} : read.error().sentences);
    CHECK(read.has_value());
  }
}

TEST_CASE("a wrong variable is named with what is allowed, a misspelt one with the nearest") {
  check_says(problem_of(minimal, {{"SEALPOST_LIMITS_WINDOW", "many"}}), {"SEALPOST_LIMITS_WINDOW:", "from 1 to 16"});
  check_says(problem_of(minimal, {{"SEALPOST_LIMITS_WINDOW", "3 "}}), {"SEALPOST_LIMITS_WINDOW:"});
  check_says(problem_of(minimal, {{"SEALPOST_SERVER_CREATE_MISSING", "yes"}}), {"true or false"});
  check_says(problem_of(minimal, {{"SEALPOST_LIMITS_WINDWO", "3"}}),
             {"SEALPOST_LIMITS_WINDWO", "SEALPOST_LIMITS_WINDOW"});
  check_says(problem_of(minimal, {{"SEALPOST_LIMTS_WINDOW", "3"}}), {"SEALPOST_LIMITS_WINDOW"});
  check_says(problem_of(minimal, {{"SEALPOST_LISTENER_MQTTS_PORT", "3"}}), {"SEALPOST_LISTENER_MQTT_PORT"});
  check_says(problem_of(minimal, {{"SEALPOST_BOT_RETRY_DELAY_MS_MIN", "60000"}}),
             {"SEALPOST_BOT_RETRY_DELAY_MS_MIN:", "retry_delay_ms_max"});
}

TEST_CASE("the passphrase's variable and what is not ours are left alone") {
  CHECK(problems_of(minimal, {{"SEALPOST_PASSPHRASE", "secret"}, {"SEALPOST_BIN", "/x"}}).empty());
  CHECK(problems_of(minimal + "[keys]\npassphrase_variable = \"SEALPOST_KEYS_PASS\"\n", {{"SEALPOST_KEYS_PASS", "x"}})
            .empty());
}

TEST_CASE("a listener must have what its kind needs, and nothing that means nothing for it") {
  check_says(problem_of(listener("kind = \"mqtt\"\n")), {"c.toml:3:", "needs port"});
  check_says(problem_of(listener("kind = \"unix-http\"\n")), {"c.toml:3:", "needs path"});
  check_says(problem_of(listener("kind = \"mqtts\"\nport = 1\nprivate_key = \"k\"\n")), {"needs certificate"});
  check_says(problem_of(listener("kind = \"https\"\nport = 1\ncertificate = \"c\"\n")), {"needs private_key"});
  check_says(problem_of(listener("port = 1\ncertificate = \"c\"\n")), {"c.toml:6:", "certificate means nothing"});
  check_says(problem_of(listener("port = 1\norigins = [\"https://x\"]\n")), {"origins means nothing"});
  check_says(problem_of(listener("kind = \"unix-mqtt\"\npath = \"p\"\nport = 1\n")), {"port means nothing"});
  check_says(problem_of(listener("port = 1\nsocket_access = \"group\"\n")), {"socket_access means nothing"});
  check_says(problem_of(listener("port = 1\nself_signed = true\n")), {"self_signed means nothing"});
}

TEST_CASE("open access behind a proxy is open to other machines, and has to be called that") {
  const std::string open = "port = 1\naccess = \"open\"\n", proxied = open + "proxy_from = [\"127.0.0.1\"]\n";
  CHECK(problems_of(listener(open)).empty());
  check_says(problem_of(listener(proxied)), {"c.toml:6:", "behind a proxy", "open_to_other_machines"});
  CHECK(problems_of(listener(proxied + "open_to_other_machines = true\n")).empty());
}

TEST_CASE("clients' certificates are asked for together with the authority that signs them") {
  const std::string tls = "kind = \"mqtts\"\nport = 1\ncertificate = \"c\"\nprivate_key = \"k\"\n";
  const auto asking = accepted(listener(tls + "client_certificates = \"required\"\nclient_ca = \"a\"\n"));
  CHECK(asking.listeners[0].client_certificates == CertificateDemand::required);
  CHECK(accepted(listener(tls)).listeners[0].client_certificates == CertificateDemand::none);
  check_says(problem_of(listener(tls + "client_certificates = \"optional\"\n")), {"c.toml:9:", "needs client_ca"});
  check_says(problem_of(listener(tls + "client_ca = \"a\"\n")), {"c.toml:9:", "client_ca means nothing"});
  check_says(problem_of(listener(tls + "client_certificates = \"always\"\n")), {"one of none, optional, required"});
  check_says(problem_of(listener("port = 1\nclient_ca = \"a\"\n")), {"client_ca means nothing"});
}

TEST_CASE("proxies are named by address or range, at listeners that have addresses") {
  const auto proxies = [](const std::string& text) { return listener("port = 1\nproxy_from = [" + text + "]\n"); };
  const auto configuration = accepted(proxies("\"127.0.0.1\", \"10.0.0.0/8\", \"2001:db8::/32\""));
  CHECK(configuration.listeners[0].proxy_from.size() == 3);
  check_says(problem_of(proxies("\"10.0.0.1/8\"")), {"c.toml:6:", "proxy_from must be", "10.0.0.0/8", "10.0.0.1/8"});
  check_says(problem_of(proxies("\"proxy.example.org\"")), {"numeric IPv4 or IPv6 address"});
  check_says(problem_of(proxies("\"::ffff:10.0.0.1\"")), {"numeric IPv4 or IPv6 address"});
  check_says(problem_of(listener("kind = \"unix-mqtt\"\npath = \"p\"\nproxy_from = [\"127.0.0.1\"]\n")),
             {"proxy_from means nothing"});
}

TEST_CASE("what a listener serves fits its kind") {
  check_says(problem_of(listener("port = 1\nserves = [\"api\"]\n")), {"c.toml:6:", "serve mqtt"});
  check_says(problem_of(listener("kind = \"ws\"\nport = 1\nserves = [\"api\"]\n")), {"ws and wss serve mqtt"});
  check_says(problem_of(listener("kind = \"http\"\nport = 1\nserves = [\"mqtt\"]\n")), {"serve api or health"});
  check_says(problem_of(listener("kind = \"http\"\nport = 1\nserves = [\"api\", \"health\"]\n")),
             {"health stands alone"});
  check_says(problem_of(listener("kind = \"http\"\nport = 1\nserves = [\"api\", \"api\"]\n")), {"twice"});
  check_says(problem_of(listener("port = 1\nserves = [\"mail\"]\n")), {"mqtt, api or health"});
  const auto ws = accepted(listener("kind = \"ws\"\nport = 1\nserves = [\"mqtt\", \"api\"]\n"));
  CHECK(ws.listeners[0].serves_what("api"));
  const auto http = accepted(listener("kind = \"http\"\nport = 1\n"));
  CHECK(http.listeners[0].serves == std::vector<std::string>{"api"});
}

TEST_CASE("two listeners have two names and two places") {
  const std::string second = "[[listener]]\nname = \"mqtt\"\nport = 1884\n";
  check_says(problem_of(minimal + second), {"c.toml:9:", "another listener is named \"mqtt\""});
  check_says(problem_of(minimal + "[[listener]]\nname = \"b\"\nport = 1883\n"),
             {"c.toml:8:", "\"mqtt\" listens there"});
  check_says(problem_of(minimal + "[[listener]]\nport = 1884\n"), {"c.toml:8:", "needs a name"});
  CHECK(problems_of(minimal + "[[listener]]\nname = \"b\"\nport = 0\n[[listener]]\nname = \"c\"\nport = 0\n").empty());
}

TEST_CASE("there must be a listener, endpoints, and what a choice needs") {
  check_says(problem_of("[server]\nendpoints = [\"mqtt://localhost:1883\"]\n"), {"c.toml", "[[listener]]"});
  check_says(problem_of("[[listener]]\nname = \"a\"\nport = 1\n"), {"endpoints"});
  check_says(problem_of(minimal + "[registration]\npolicy = \"invite\"\n"), {"c.toml:9:", "invites"});
  check_says(problem_of(minimal + "[registration]\npolicy = \"listed\"\n"), {"c.toml:9:", "listed"});
  check_says(problem_of(minimal + "[bot]\nkind = \"rest\"\n"), {"c.toml:9:", "serves api"});
  check_says(problem_of(minimal + "[limits]\nmax_connections = 5\n"), {"max_unproven_connections"});
}

TEST_CASE("an endpoint is written as it is dialled, with its port") {
  for (const char* good : {"mqtt://localhost:1883", "mqtts://a.example.org:8883", "ws://10.0.0.1:80", "wss://[::1]:443",
                           "http://x:1", "https://x:65535"})
    CHECK(is_endpoint(good));
  for (const char* bad :
       {"", "mqtt", "mqtt://", "mqtt://host", "mqtt://:1883", "mqtt://host:", "mqtt://host:0", "mqtt://host:65536",
        "mqtt://host:01883", "mqtt://Host:1883", "MQTT://host:1883", "tcp://host:1883", "mqtt://host:1883/",
        "mqtt://ho st:1", "mqtt://host:1883x", "mqtt://[::1:1883", "mqtt://host:-1"})
    CHECK_FALSE(is_endpoint(bad));
}

TEST_CASE("changes are told apart by whether a running server takes them up") {
  const Configuration before = accepted(minimal);
  Configuration after = before;
  CHECK(changes_between(before, after).reloadable.empty());
  after.logging.level = Level::debug;
  after.limits.window = 4;
  after.listeners[0].port = 1884;
  const Changes changes = changes_between(before, after);
  CHECK(changes.reloadable == std::vector<std::string>{"logging.level"});
  CHECK(changes.need_restart == std::vector<std::string>{"listener.mqtt.port", "limits.window"});
  after.listeners.emplace_back();
  CHECK(changes_between(before, after).need_restart.front() == "listener");
}

TEST_CASE("relative paths start in the data directory, absolute ones stand") {
  Configuration configuration;
  configuration.server.data_dir = "data";
  CHECK(configuration.in_data_dir("log.db") == "data/log.db");
  CHECK(configuration.in_data_dir("/var/log.db") == "/var/log.db");
}

TEST_CASE("the edit distance counts insertions, deletions and substitutions") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("window", "windwo") == 2);
  CHECK(rc::check("it is symmetric, and zero only for equal texts", [](const std::string& a, const std::string& b) {
    RC_ASSERT(edit_distance(a, b) == edit_distance(b, a));
    RC_ASSERT((edit_distance(a, b) == 0) == (a == b));
  }));
}

TEST_CASE("no text makes the reader fail otherwise than with problems") {
  CHECK(rc::check([](const std::string& noise, const std::string& name) {
    const auto at = noise.empty() ? 0 : noise.size() % minimal.size();
    std::string text = minimal;
    text.insert(at, noise);
    const auto read = read_configuration(text, "c.toml", {{"SEALPOST_" + name, noise}});
    RC_ASSERT(read.has_value() || !read.error().sentences.empty());
  }));
}
