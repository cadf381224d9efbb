#include "log/heads.hpp"

#include "log/errc.hpp"
#include "verbs.hpp"

namespace sealpost::log::test {
namespace {

// A log without rows.
class Nothing final : public HeadSource {
 public:
  ClientRows load(const Permalink&) override { return {}; }
  std::optional<Permalink> key_owner(const PublicKey&) override { return std::nullopt; }
};

class Law {
 public:
  ErrorCode take(std::vector<Draft> drafts) {
    const EventId first = next_;
    const ErrorCode verdict = heads.take(drafts, first);
    if (!verdict) next_.value += static_cast<std::int64_t>(drafts.size());
    return verdict;
  }
  // The rows that a commit would write for this client: devices and cursors.
  std::size_t changed(const Permalink& whose) const {
    std::size_t rows = 0;
    heads.for_each_changed([&](const Permalink& client, const ClientRows& changed) {
      if (client == whose) rows += changed.changed_devices.size() + changed.changed_cursors.size();
    });
    return rows;
  }

  Nothing nothing;
  Heads heads{nothing, 1000};

 private:
  EventId next_{1};
};

}  // namespace

TEST_CASE("a commit writes the rows that it changed, however many the client has") {
  Law law;
  const Permalink ann = client_named("ann");
  REQUIRE_FALSE(law.take({security("first")}));
  for (int i = 0; i < 100; ++i) REQUIRE_FALSE(law.take({done(ann, "friend " + std::to_string(i), {1})}));
  REQUIRE_FALSE(law.take({epoch(ann, "phone", 1), epoch(ann, "tablet", 1)}));
  CHECK(law.changed(ann) == 102);
  law.heads.settle();
  CHECK(law.changed(ann) == 0);
  REQUIRE_FALSE(law.take({done(ann, "friend 7", {2}), epoch(ann, "phone", 2), epoch(ann, "phone", 3)}));
  CHECK(law.changed(ann) == 2);
  CHECK(law.heads.of(ann).cursor("friend 7").at == EventId{2});
}

TEST_CASE("what a refused transaction would have changed is not written") {
  Law law;
  const Permalink ann = client_named("ann");
  REQUIRE_FALSE(law.take({security("first"), security("second")}));
  REQUIRE_FALSE(law.take({done(ann, "bot", {1})}));
  CHECK(law.take({done(ann, "bot", {2}), epoch(ann, "phone", 1), epoch(ann, "phone", 3)}) == Errc::stale_epoch);
  CHECK(law.changed(ann) == 1);
  CHECK(law.heads.of(ann).cursor("bot").at == EventId{1});
  law.heads.settle();
  CHECK(law.take({done(ann, "bot", {2}), epoch(ann, "phone", 3)}) == Errc::stale_epoch);
  CHECK(law.changed(ann) == 0);
  REQUIRE_FALSE(law.take({done(ann, "bot", {2})}));
  CHECK(law.changed(ann) == 1);
}

}  // namespace sealpost::log::test
