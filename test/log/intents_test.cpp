// Whether verify finds a message that was relayed to nobody.

#include "conformance.hpp"
#include "log/maintenance.hpp"

namespace sealpost::log::test {
namespace {

const Permalink ann = client_named("ann");
const Permalink ben = client_named("ben");
const Permalink cleo = client_named("cleo");

Draft carried_out(const Permalink& recipient, std::int64_t cause) {
  return done(recipient, std::string(intents_consumer), {cause});
}

VerifyReport verified(SqliteEngine& engine) {
  engine.close();
  const auto report = verify(engine.path(), {});
  REQUIRE(report);
  return *report;
}

}  // namespace

TEST_CASE("verify names the intents that were never carried out") {
  SqliteEngine engine;
  commit(engine.log(), {intent(ann, ben), intent(ann, cleo), intent(ann, ben), intent(ann, ben)});
  commit(engine.log(), carried_out(ben, 3));  // 1 is passed over, 2 is another's, 4 waits
  commit(engine.log(), done(ben, "another consumer", {1}));
  commit(engine.log(), carried_out(ann, 1));  // of another recipient
  const VerifyReport report = verified(engine);
  REQUIRE(report.fault_count == 1);
  CHECK(report.faults.front().event == EventId{1});
  CHECK(report.faults.front().what.find("Intent 1 was never carried out") == 0);
  CHECK(rebuild(engine.path(), {}));  // the views follow from the events all the same
}

TEST_CASE("intents that wait, or were carried out in any order of one transaction, are no fault") {
  SqliteEngine engine;
  InLane out = out_lane(ben);
  commit(engine.log(), {intent(ann, ben), intent(ann, ben), intent(ann, ben), intent(ann, cleo)});
  commit(engine.log(), {moving(out.next(), std::string(intents_consumer), {2}), carried_out(ben, 1)});
  CHECK(verified(engine).fault_count == 0);
}

}  // namespace sealpost::log::test
