#include "vault/refusal.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <set>

#include "vault/folder.hpp"
#include "vault/secret.hpp"

using namespace sealpost;
using namespace sealpost::vault;

TEST_CASE("every refusal says what, where and how to mend it, each in its own words") {
  std::set<std::string> texts;
  for (int code = static_cast<int>(Errc::missing); code <= static_cast<int>(Errc::io); ++code) {
    const std::string text = Refusal{static_cast<Errc>(code), "/srv/keys/ring"}.text();
    CHECK(text.find("/srv/keys/ring") == 0);
    CHECK(text.find(". ") != std::string::npos);
    CHECK(text.find("%s") == std::string::npos);
    texts.insert(text);
  }
  CHECK(texts.size() == static_cast<std::size_t>(Errc::io));
  CHECK(Refusal{Errc::open_to_others, "/k"}.text().find("chmod 600 '/k'") != std::string::npos);
  CHECK(Refusal{Errc::io, "/k", ENOSPC}.text().find("No space left") != std::string::npos);
  CHECK(make_error_code(Errc::damaged).message().find("checksum") != std::string::npos);
}

TEST_CASE("the value of a refused result throws its text") {
  const Opened<int> refused = Refusal{Errc::truncated, "/k"};
  CHECK_THROWS_WITH(refused.value(), Catch::Contains("/k is cut short"));
}

TEST_CASE("a secret starts as zeroes, holds what is written, and moves without a copy") {
  SecretBytes secret(16);
  CHECK(std::ranges::all_of(secret.view(), [](auto byte) { return byte == 0; }));
  secret.writable()[3] = 7;
  const auto* place = secret.view().data();
  const SecretBytes moved = std::move(secret);
  CHECK(moved.view().data() == place);
  CHECK(moved.view()[3] == 7);
  CHECK(SecretBytes(0).empty());
}

TEST_CASE("after forbid_core_dumps a process is not dumpable and has no core limit") {
  const pid_t child = ::fork();
  if (child == 0) {
    rlimit limit{};
    const bool forbidden = forbid_core_dumps() && ::getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max == 0;
    ::_exit(forbidden ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

// The sanitizers replace mlock(2) by a function that does nothing.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SEALPOST_NO_MLOCK
#endif
#endif

#ifndef SEALPOST_NO_MLOCK
TEST_CASE("a process that may lock nothing is told so") {
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_MEMLOCK, &none);
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(::geteuid() == 0 ? 2 : 3);
    ::_exit(memory_can_be_locked() ? 1 : 0);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  const int code = WEXITSTATUS(status);
  if (code == 3) {
    WARN("needs root to give up the right to lock");
    return;
  }
  CHECK(code == 0);
}
#endif
