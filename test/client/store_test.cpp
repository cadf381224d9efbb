#include "client/store.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "world.hpp"

namespace sealpost::client {
namespace {

// Signs and stores as a session would.
struct Desk {
  Folder folder;
  TestRandom random;
  Person anna{random}, server{random, "Server"};
  Device home = device("home");

  Result<Store> open() { return Store::open(folder / "deep/store.db", anna.permalink(), home); }

  Entry write(const Store& store, std::string_view text) {
    const LaneState& lane = store.lane();
    const auto made = message(anna, server.permalink(), lane.device, lane.head, lane.head_time + 1, text_payload(text));
    Entry entry;
    entry.mine = true;
    entry.lane = lane.device;
    entry.n = lane.head.n.next();
    entry.link = made.link;
    entry.time = lane.head_time + 1;
    entry.peer = server.permalink();
    entry.stored = made.stored;
    return entry;
  }
  Entry hear(const lane::Mark& head, std::string_view log, std::string_view text) {
    const auto made = message(server, anna.permalink(), device(log), head, 1'000, text_payload(text));
    Entry entry;
    entry.lane = device(log);
    entry.n = head.n.next();
    entry.link = made.link;
    entry.standing = Standing::stored;
    entry.peer = server.permalink();
    entry.stored = made.stored;
    return entry;
  }
};

lane::Mark mark(const Entry& entry) {
  return {entry.n, entry.link};
}

}  // namespace

TEST_CASE("a new store has a device label and no position, and is private") {
  Desk desk;
  const auto store = desk.open();
  REQUIRE(store.has_value());
  CHECK(store->lane().device == desk.home);
  CHECK_FALSE(store->lane().position().has_value());
  struct stat file {};
  REQUIRE(::stat((desk.folder / "deep/store.db").c_str(), &file) == 0);
  CHECK((file.st_mode & 0777) == 0600);
}

TEST_CASE("a store is for one process at a time, and for one identity") {
  Desk desk;
  {
    const auto first = desk.open();
    REQUIRE(first.has_value());
    CHECK(desk.open().error() == Errc::store_locked);
  }
  const Person other(desk.random);
  CHECK(Store::open(desk.folder / "deep/store.db", other.permalink(), desk.home).error() == Errc::store_foreign);
}

TEST_CASE("a file that is no store is refused and left as it is") {
  Desk desk;
  std::filesystem::create_directory(desk.folder / "deep");
  const std::string text(5'000, 'x');
  std::ofstream(desk.folder / "deep/store.db") << text;
  CHECK(desk.open().error() == Errc::store_damaged);
  std::ifstream file(desk.folder / "deep/store.db");
  CHECK(std::string(std::istreambuf_iterator<char>(file), {}) == text);
}

TEST_CASE("what was written is there after the store is opened again") {
  Desk desk;
  Entry first, second;
  {
    auto store = desk.open();
    first = desk.write(*store, "one");
    REQUIRE(store->add_outgoing(first));
    second = desk.write(*store, "two");
    REQUIRE(store->add_outgoing(second));
    REQUIRE(store->note_welcome(device("log"), {}));
    REQUIRE(store->note_acked(first.n, first.link, "{}"));
    REQUIRE(store->add_incoming(desk.hear({}, "log", "hello"), std::nullopt));
    REQUIRE(store->set_server(desk.server.permalink()));
    REQUIRE(store->add_identity_version(desk.server.versions[0]));
    REQUIRE(store->set_confirmed_versions(1));
  }
  const auto store = Store::open(desk.folder / "deep/store.db", desk.anna.permalink(), device("another"));
  REQUIRE(store.has_value());
  CHECK(store->lane().device == desk.home);
  CHECK(store->lane().sent == mark(first));
  CHECK(store->lane().head == mark(second));
  CHECK(store->lane().head_time == second.time);
  CHECK(store->lane().received == mark(desk.hear({}, "log", "hello")));
  CHECK(store->lane().log == device("log"));
  CHECK(store->server() == desk.server.permalink());
  CHECK(store->identity(desk.server.permalink()).value() == std::vector{std::string(desk.server.versions[0].stored())});
  CHECK(store->confirmed_versions() == 1);
  const auto history = store->history(desk.server.permalink(), 10).value();
  REQUIRE(history.size() == 3);
  CHECK(history[0].standing == Standing::acked);
  CHECK(history[1].standing == Standing::waiting);
  CHECK(history[2].standing == Standing::stored);
  CHECK(store->history(std::nullopt, 1)->at(0).link == history[2].link);
}

TEST_CASE("the position sent moves over acks without a gap only") {
  Desk desk;
  auto store = desk.open();
  std::vector<Entry> all;
  for (int i = 0; i < 3; ++i) {
    all.push_back(desk.write(*store, "x"));
    REQUIRE(store->add_outgoing(all.back()));
  }
  REQUIRE(store->note_acked(all[1].n, all[1].link, {}));
  CHECK(store->lane().sent.n == Seq{0});
  REQUIRE(store->note_acked(all[0].n, all[0].link, {}));
  CHECK(store->lane().sent == mark(all[1]));
  CHECK(store->note_acked(all[2].n, all[0].link, {}).error() == Errc::protocol);
  CHECK(store->note_acked({9}, all[0].link, {}).error() == Errc::protocol);
  CHECK(store->waiting()->size() == 1);
}

TEST_CASE("a server that has less than it acked is sent the rest again") {
  Desk desk;
  auto store = desk.open();
  const Entry first = desk.write(*store, "one");
  REQUIRE(store->add_outgoing(first));
  const Entry second = desk.write(*store, "two");
  REQUIRE(store->add_outgoing(second));
  REQUIRE(store->note_acked(first.n, first.link, {}));
  REQUIRE(store->note_acked(second.n, second.link, {}));
  REQUIRE(store->note_welcome(device("restored"), mark(first)));
  CHECK(store->lane().sent == mark(first));
  REQUIRE(store->waiting()->size() == 1);
  CHECK(store->waiting()->at(0).stored == second.stored);
}

TEST_CASE("a message that continues an earlier one supersedes what was beyond") {
  Desk desk;
  auto store = desk.open();
  const Entry one = desk.hear({}, "old", "one");
  const Entry two = desk.hear(mark(one), "old", "two");
  const Entry other_two = desk.hear(mark(one), "new", "another two");
  REQUIRE(store->add_incoming(one, std::nullopt));
  REQUIRE(store->add_incoming(two, std::nullopt));
  REQUIRE(store->add_incoming(other_two, std::nullopt));
  CHECK(store->lane().received == mark(other_two));
  CHECK(store->lane().log == device("new"));
  CHECK(store->incoming(Seq{2}).value()->link == other_two.link);
  const auto history = store->history(std::nullopt, 10).value();
  REQUIRE(history.size() == 3);
  CHECK(history[1].standing == Standing::superseded);
}

TEST_CASE("after starting over what waited waits under the new label, and what is delivered again is not kept twice") {
  Desk desk;
  auto store = desk.open();
  const Entry acked = desk.write(*store, "acked");
  REQUIRE(store->add_outgoing(acked));
  REQUIRE(store->note_acked(acked.n, acked.link, {}));
  REQUIRE(store->add_outgoing(desk.write(*store, "waits")));
  const Entry heard = desk.hear({}, "log", "hello");
  REQUIRE(store->add_incoming(heard, std::nullopt));

  const auto made = message(desk.anna, desk.server.permalink(), device("fresh"), {}, 77, text_payload("waits"));
  Entry again = store->waiting()->at(0);
  again.lane = device("fresh");
  again.n = {1};
  again.link = made.link;
  again.stored = made.stored;
  REQUIRE(store->start_over(device("fresh"), {again}, "for a test"));
  CHECK(store->lane().device == device("fresh"));
  CHECK_FALSE(store->lane().position().has_value());
  CHECK(store->lane().head == mark(again));
  REQUIRE(store->waiting()->size() == 1);
  CHECK(store->waiting()->at(0).link == again.link);
  REQUIRE(store->add_incoming(heard, std::nullopt));
  CHECK(store->history(std::nullopt, 10)->size() == 3);  // acked, heard, and the one that waits
}

TEST_CASE("messages signed again after a reject close the gap that the refused one leaves") {
  Desk desk;
  auto store = desk.open();
  for (const char* text : {"one", "bad", "three"}) REQUIRE(store->add_outgoing(desk.write(*store, text)));
  const auto waiting = store->waiting().value();
  const auto made = message(desk.anna, desk.server.permalink(), desk.home, mark(waiting[0]), 99, text_payload("three"));
  Entry three = waiting[2];
  three.n = {2};
  three.link = made.link;
  three.time = 99;
  three.stored = made.stored;
  REQUIRE(store->resign({2}, {three}, waiting[1].id, "too_large"));
  CHECK(store->lane().head == mark(three));
  CHECK(store->lane().head_time == 99);
  CHECK(store->waiting()->size() == 2);
  const auto history = store->history(std::nullopt, 10).value();
  CHECK(history[1].standing == Standing::refused);
  CHECK(history[1].note == "too_large");
  CHECK(store->outgoing({2}).value()->id == waiting[2].id);
}

TEST_CASE("a relayed author's numbers are remembered for each device") {
  Desk desk;
  auto store = desk.open();
  const Permalink bert = Person(desk.random).permalink();
  REQUIRE(store->add_incoming(desk.hear({}, "log", "x"), Store::Relayed{bert, device("phone"), {7}}));
  CHECK(store->relayed_position(bert, device("phone")).value() == Seq{7});
  CHECK(store->relayed_position(bert, device("laptop")).value() == Seq{0});
}

TEST_CASE("what cannot be read is an error, and not as good as nothing") {
  Desk desk;
  REQUIRE(desk.open().has_value());
  {
    const auto database = Database::open((desk.folder / "deep/store.db").string());
    REQUIRE(database.has_value());
    REQUIRE(database->execute("DROP TABLE relayed; DROP TABLE identity"));
  }
  const auto store = desk.open();
  REQUIRE(store.has_value());
  CHECK(store->relayed_position(desk.anna.permalink(), device("phone")).error() == Errc::store_failed);
  CHECK(store->identity(desk.server.permalink()).error() == Errc::store_failed);
}

TEST_CASE("a delivery that cannot be judged for want of the store is no delivery") {
  Desk desk;
  REQUIRE(desk.open().has_value());
  {
    const auto database = Database::open((desk.folder / "deep/store.db").string());
    REQUIRE(database.has_value());
    REQUIRE(database->execute("DROP TABLE identity"));
  }
  const auto store = desk.open();
  REQUIRE(store.has_value());
  const Person bert(desk.random, "Bert");
  const auto hi = message(bert, desk.anna.permalink(), device("phone"), {}, 900, text_payload("hi"));
  const auto relayed = message(desk.server, desk.anna.permalink(), device("log"), {}, 1'000, hi.stored);
  const auto judged = judge(*store, desk.anna.permalink(), desk.server.versions, relayed.stored);
  CHECK(judged.error() == Errc::store_failed);
}

// A child writes and reports each message once the store has taken it; a kill at any moment loses none of them.
TEST_CASE("what the store has taken survives kill -9, and the lock does not outlive the process") {
  Desk desk;
  for (int round = 0; round < 5; ++round) {
    int pipes[2];
    REQUIRE(::pipe2(pipes, O_CLOEXEC) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
      auto store = desk.open();
      if (!store) ::_exit(1);
      for (const Entry& entry : store->waiting().value()) {
        if (!store->note_acked(entry.n, entry.link, {})) ::_exit(5);
      }
      for (;;) {
        const Entry entry = desk.write(*store, "crash");
        if (!store->add_outgoing(entry)) ::_exit(2);
        if (::write(pipes[1], &entry.n, sizeof entry.n) != sizeof entry.n) ::_exit(3);
        if (!store->note_acked(entry.n, entry.link, {})) ::_exit(4);
      }
    }
    ::close(pipes[1]);
    Seq told;
    for (int i = 0; i < 5 + round; ++i) REQUIRE(::read(pipes[0], &told, sizeof told) == sizeof told);
    ::kill(child, SIGKILL);
    for (Seq more; ::read(pipes[0], &more, sizeof more) == sizeof more;) told = more;
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    ::close(pipes[0]);

    const auto store = desk.open();
    REQUIRE(store.has_value());
    CHECK(store->lane().head.n >= told);
    CHECK(store->lane().head.n.value <= told.value + 1);
    CHECK(store->lane().sent.n.value + 1 >= told.value);
    Link before;
    for (Seq n{1}; n <= store->lane().head.n; n = n.next()) {
      const auto entry = store->outgoing(n).value();
      REQUIRE(entry.has_value());
      const auto object = object::Object::parse(entry->stored);
      REQUIRE(object.has_value());
      const auto read = object::Message::read(*object);
      REQUIRE(read.has_value());
      REQUIRE(read->previous() == before);
      before = read->link();
    }
    CHECK(before == store->lane().head.link);
  }
}

}  // namespace sealpost::client
