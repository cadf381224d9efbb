#include "app/ports.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>

using namespace sealpost;
using namespace sealpost::app;

namespace {

constexpr Millis noon = 1'714'564'800'123;  // 2024-05-01T12:00:00.123Z

// What `speak` writes to standard error.
template <class Speak>
std::string heard(Speak speak) {
  char name[] = "/tmp/stderr-XXXXXX";
  const int file = ::mkstemp(name);
  const int kept = ::dup(STDERR_FILENO);
  ::dup2(file, STDERR_FILENO);
  speak();
  std::fflush(stderr);
  ::dup2(kept, STDERR_FILENO);
  ::close(kept);
  ::close(file);
  std::ifstream in(name, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(in), {});
  ::unlink(name);
  return text;
}

}  // namespace

TEST_CASE("a line of text has its time in UTC, level and room") {
  CHECK(text_line(noon, Level::info, "net", "listening") == "2024-05-01T12:00:00.123Z info  net: listening");
  CHECK(text_line(-1, Level::error, "log", "x") == "1969-12-31T23:59:59.999Z error log: x");
}

TEST_CASE("a line for the journal begins with its priority") {
  CHECK(journal_line(Level::debug, "net", "x") == "<7>net: x");
  CHECK(journal_line(Level::info, "net", "x") == "<6>net: x");
  CHECK(journal_line(Level::warn, "net", "x") == "<4>net: x");
  CHECK(journal_line(Level::error, "net", "x") == "<3>net: x");
}

TEST_CASE("what a stranger puts into a line cannot make another line or move the cursor") {
  CHECK(text_line(noon, Level::warn, "auth", "a\n<3>b\x1b[2J\x7f") ==
        "2024-05-01T12:00:00.123Z warn  auth: a\\x0a<3>b\\x1b[2J\\x7f");
  CHECK(journal_line(Level::warn, "auth", "a\r\nb") == "<4>auth: a\\x0d\\x0ab");
}

TEST_CASE("a JSON line is one object, whatever is in it") {
  const std::string line = json_line(noon, Level::warn, "auth", "a \"quoted\" \\ line\nwith\ttabs and ü");
  CHECK(line.find('\n') == std::string::npos);
  const auto object = boost::json::parse(line).as_object();
  CHECK(object.at("time") == "2024-05-01T12:00:00.123Z");
  CHECK(object.at("level") == "warn");
  CHECK(object.at("room") == "auth");
  CHECK(object.at("text") == "a \"quoted\" \\ line\nwith\ttabs and ü");
}

TEST_CASE("lines below the level are not written, and the level can change") {
  ::unsetenv("JOURNAL_STREAM");
  const std::string text = heard([] {
    StderrLog log({Level::warn, LogFormat::text});
    CHECK_FALSE(log.wants(Level::info));
    CHECK(log.wants(Level::warn));
    log.write(Level::info, "app", "one");
    log.write(Level::error, "app", "two");
    log.set_level(Level::debug);
    log.write(Level::debug, "app", "three");
  });
  CHECK(text.find("one") == std::string::npos);
  CHECK(text.find("Z error app: two\n") != std::string::npos);
  CHECK(text.find("Z debug app: three\n") != std::string::npos);
}

TEST_CASE("under systemd lines go out as the journal wants them") {
  ::setenv("JOURNAL_STREAM", "8:1234", 1);
  const std::string text = heard([] { StderrLog({Level::info, LogFormat::text}).write(Level::error, "app", "{} %d"); });
  ::unsetenv("JOURNAL_STREAM");
  CHECK(text == "<3>app: {} %d\n");
}

TEST_CASE("lines of many threads come out whole") {
  const std::string text = heard([] {
    StderrLog log({Level::info, LogFormat::json});
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&log] {
        for (int n = 0; n < 100; ++n) log.write(Level::info, "app", std::string(200, 'x'));
      });
  });
  std::size_t lines = 0, begin = 0;
  for (auto end = text.find('\n'); end != std::string::npos; begin = end + 1, end = text.find('\n', begin), ++lines)
    CHECK_NOTHROW(boost::json::parse(text.substr(begin, end - begin)));
  CHECK(lines == 400);
}

TEST_CASE("the clock is today's, and the steady one goes on") {
  const SystemClock clock;
  CHECK(clock.now() > noon);
  const auto before = clock.steady_us();
  CHECK(clock.steady_us() >= before);
}

TEST_CASE("randomness is not the same twice") {
  SystemRandom random;
  CHECK(random.bytes<32>() != random.bytes<32>());
}
