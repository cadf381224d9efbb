// Client ids and places under sp/, and the file of bots' tokens.

#include <catch2/catch.hpp>

#include "auth/bearer.hpp"
#include "auth/topic.hpp"
#include "base/encoding.hpp"

using namespace sealpost;
using namespace sealpost::auth;

namespace {

const std::string anna(64, 'a');

std::string bot_line(const std::string& name, char digit = '0') {
  return name + " messages.read,messages.write " + std::string(64, digit) + " 1700000000000\n";
}

std::array<std::uint8_t, 32> secret_of(std::uint8_t byte) {
  std::array<std::uint8_t, 32> secret;
  secret.fill(byte);
  return secret;
}

}  // namespace

TEST_CASE("a client id is a permalink, a dot, and a device") {
  const auto id = parse_client_id(anna + ".phone-1_X");
  REQUIRE(id);
  CHECK(id->client.hex() == anna);
  CHECK(id->device.text() == "phone-1_X");
  CHECK(id->text() == anna + ".phone-1_X");
  CHECK(parse_client_id(anna + "." + std::string(32, 'x')));
}

TEST_CASE("what is not quite a client id is none") {
  const std::string upper(64, 'A');
  const std::vector<std::string> others = {"",
                                           anna,
                                           anna + ".",
                                           anna + "phone",
                                           anna + "/phone",
                                           anna + ".a.b",
                                           anna + ".a/b",
                                           anna + ".a b",
                                           anna + "." + std::string(33, 'x'),
                                           "a" + anna + ".phone",
                                           anna.substr(1) + ".phone",
                                           upper + ".phone",
                                           " " + anna + ".phone",
                                           anna + ".phone ",
                                           anna + ".phone\n",
                                           anna + std::string(".ph\0one", 7),
                                           anna + ".+"};
  for (const std::string& text : others) {
    INFO(text);
    CHECK_FALSE(parse_client_id(text));
  }
}

TEST_CASE("each place has its topic") {
  for (const char* leaf : {"outbox", "inbox", "ack", "reject", "light"}) {
    const std::string topic = "sp/" + anna + "/phone/" + leaf;
    const auto place = parse_place(topic);
    REQUIRE(place);
    CHECK(place->owner.text() == anna + ".phone");
    CHECK(name(place->leaf) == leaf);
    CHECK(place->topic() == topic);
  }
}

TEST_CASE("other topics are no places") {
  const std::string prefix = "sp/" + anna + "/phone/";
  const std::vector<std::string> others = {"",
                                           "sp",
                                           "sp/",
                                           "sp/" + anna,
                                           "sp/" + anna + "/outbox",
                                           prefix,
                                           prefix + "outbox/",
                                           prefix + "outbox/x",
                                           prefix + "Outbox",
                                           prefix + "#",
                                           prefix + "+",
                                           "sp/" + anna + "/+/inbox",
                                           "sp/+/phone/inbox",
                                           "sp/" + anna + "//inbox",
                                           "/" + prefix + "inbox",
                                           "SP/" + anna + "/phone/inbox",
                                           "app/" + anna + "/phone/inbox",
                                           "sp/" + anna + ".phone/inbox"};
  for (const std::string& text : others) {
    INFO(text);
    CHECK_FALSE(parse_place(text));
  }
}

TEST_CASE("what is under sp/") {
  for (const char* topic : {"sp", "sp/", "sp/x", "sp/#", "sp/+/x"}) CHECK(is_under_sp(topic));
  for (const char* topic : {"", "s", "spam", "spam/x", "/sp", "app/sp", "Sp/x"}) CHECK_FALSE(is_under_sp(topic));
}

TEST_CASE("a token is found by its text, and may what its scopes say") {
  const NewBearer made =
      make_bearer("billing-bot", {"messages.read", "messages.write"}, secret_of(7), 1'700'000'000'000);
  CHECK(made.token.size() == 43);
  const auto bearers = Bearers::parse(with_bearer(bot_line("first"), made.bearer));
  REQUIRE(bearers.has_value());
  const Bearer* found = bearers->find(made.token);
  REQUIRE(found);
  CHECK(found->name == "billing-bot");
  CHECK(found->created == 1'700'000'000'000);
  CHECK(found->may("messages.read"));
  CHECK(found->may("messages.write"));
  CHECK_FALSE(found->may("messages"));
  CHECK_FALSE(found->may(""));
}

TEST_CASE("another token is nobody's") {
  const NewBearer made = make_bearer("bot", {"all"}, secret_of(7), 0);
  const auto bearers = Bearers::parse(made.bearer.line());
  REQUIRE(bearers.has_value());
  for (const std::string& text :
       {std::string(), made.token + "A", made.token.substr(1), to_hex(made.bearer.hash), std::string("bot")})
    CHECK_FALSE(bearers->find(text));
  CHECK_FALSE(Bearers::parse("")->find(made.token));
}

TEST_CASE("the file holds no token") {
  const NewBearer made = make_bearer("bot", {"all"}, secret_of(9), 0);
  CHECK(made.bearer.line().find(made.token) == std::string::npos);
  CHECK(made.bearer.line() == "bot all " + to_hex(sha256(as_bytes(made.token))) + " 0\n");
}

TEST_CASE("comments, blank lines, tabs and carriage returns do no harm") {
  const auto bearers =
      Bearers::parse("# bots\n\n   \n" + bot_line("a", '1') + "\t# more\r\nb\tx\t" + std::string(64, '2') + "  5\r\n");
  REQUIRE(bearers.has_value());
  REQUIRE(bearers->all().size() == 2);
  CHECK(bearers->all()[0].scopes == std::vector<std::string>{"messages.read", "messages.write"});
  CHECK(bearers->all()[1].name == "b");
  CHECK(bearers->all()[1].created == 5);
}

TEST_CASE("the last line needs no newline") {
  std::string file = bot_line("a");
  file.pop_back();
  REQUIRE(Bearers::parse(file).has_value());
  CHECK(Bearers::parse(with_bearer(file, make_bearer("b", {"x"}, secret_of(1), 1).bearer))->all().size() == 2);
}

TEST_CASE("a bad line is named by its number and by what is wrong") {
  const std::string hash(64, '0');
  struct Row {
    std::string line;
    const char* what;
  };
  const Row rows[] = {
      {"b/t x " + hash + " 1", "name"},
      {std::string(65, 'b') + " x " + hash + " 1", "name"},
      {"bot", "scopes"},
      {"bot , " + hash + " 1", "scopes"},
      {"bot x, " + hash + " 1", "scopes"},
      {"bot x,,y " + hash + " 1", "scopes"},
      {"bot X " + hash + " 1", "scopes"},
      {"bot x", "hash"},
      {"bot x " + hash.substr(1) + " 1", "hash"},
      {"bot x " + std::string(64, 'A') + " 1", "hash"},
      {"bot x " + hash, "creation"},
      {"bot x " + hash + " soon", "creation"},
      {"bot x " + hash + " -1", "creation"},
      {"bot x " + hash + " 1.5", "creation"},
      {"bot x " + hash + " 99999999999999999999", "creation"},
      {"bot x " + hash + " 1 more", "more"},
      {"good x " + hash + " 1", "name stands on an earlier line"},
      {"bot x " + std::string(64, '1') + " 1", "token stands on an earlier line"},
  };
  for (const Row& row : rows) {
    INFO(row.line);
    const auto bearers = Bearers::parse("# bots\n" + bot_line("good", '1') + row.line + "\n" + bot_line("after", '2'));
    REQUIRE(bearers.has_error());
    CHECK(bearers.error().line == 3);
    CHECK(bearers.error().what.find(row.what) != std::string_view::npos);
  }
}

TEST_CASE("more tokens than there may be are refused") {
  std::string file;
  for (std::size_t i = 0; i < bearer_tokens_max; ++i)
    file = with_bearer(file, {"bot" + std::to_string(i), {"x"}, sha256(as_bytes(std::to_string(i))), 1});
  CHECK(Bearers::parse(file).has_value());
  const auto more = Bearers::parse(file + bot_line("one-more"));
  REQUIRE(more.has_error());
  CHECK(more.error().line == bearer_tokens_max + 1);
}

TEST_CASE("a revoked token's line is gone, and nothing else") {
  const std::string file = "# bots\n" + bot_line("a", '1') + "\n# b's\n" + bot_line("b", '2') + bot_line("bc", '3');
  const auto without = without_bearer(file, "b");
  REQUIRE(without);
  CHECK(*without == "# bots\n" + bot_line("a", '1') + "\n# b's\n" + bot_line("bc", '3'));
  CHECK_FALSE(without_bearer(*without, "b"));
  CHECK_FALSE(without_bearer(file, "#"));
  CHECK_FALSE(without_bearer(file, ""));
  CHECK_FALSE(without_bearer("", "a"));
}
