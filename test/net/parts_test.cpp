// The parts that need no socket: buffers, the send queue, the limits on strangers.

#include <rapidcheck.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "net/admission.hpp"
#include "net/buffer_pool.hpp"
#include "net/send_queue.hpp"

namespace sealpost::net {
namespace {

TEST_CASE("a buffer goes back to the pool when its lease ends, and is lent again") {
  BufferPool pool(4, 2);
  const std::uint8_t* first = nullptr;
  {
    Lease lease = pool.large();
    first = lease.room().data();
    CHECK(lease.capacity() == BufferPool::large_size);
    CHECK(lease.empty());
    CHECK(pool.on_loan() == 1);
  }
  CHECK(pool.on_loan() == 0);
  CHECK(pool.spare() == 1);
  Lease again = pool.large();
  CHECK(again.room().data() == first);
}

TEST_CASE("a lease that is moved from holds nothing, and one that is assigned to gives its buffer back") {
  BufferPool pool;
  Lease a = pool.small();
  a.room()[0] = 7;
  a.resize(1);
  Lease b = std::move(a);
  CHECK(pool.on_loan() == 1);
  CHECK(b.view().size() == 1);
  CHECK(b.view()[0] == 7);
  b = pool.large();
  CHECK(pool.on_loan() == 1);
  b = Lease();
  CHECK(pool.on_loan() == 0);
}

TEST_CASE("when too many large buffers are out, small ones are lent instead") {
  BufferPool pool(2, 2);
  const Lease a = pool.large();
  Lease b = pool.large();
  const Lease c = pool.large();
  CHECK(b.capacity() == BufferPool::large_size);
  CHECK(c.capacity() == BufferPool::small_size);
  b = Lease();
  CHECK(pool.large().capacity() == BufferPool::large_size);
}

TEST_CASE("the pool keeps no more spare buffers than it was told to") {
  BufferPool pool(100, 3);
  {
    std::vector<Lease> leases;
    for (int i = 0; i < 10; ++i) leases.push_back(pool.large());
  }
  CHECK(pool.spare() == 3);
}

TEST_CASE("many threads may borrow at once") {
  BufferPool pool(8, 4);
  std::vector<std::thread> threads;
  std::atomic<bool> shared{false};
  for (std::uint8_t id = 1; id <= 4; ++id) {
    threads.emplace_back([&pool, &shared, id] {
      for (int i = 0; i < 5000; ++i) {
        Lease lease = i % 2 == 0 ? pool.large() : pool.small();
        lease.room().front() = lease.room().back() = id;
        if (lease.room().front() != id || lease.room().back() != id) shared = true;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK_FALSE(shared);
  CHECK(pool.on_loan() == 0);
}

std::string front_of(const SendQueue& queue) {
  SendQueue::Views views;
  const std::size_t count = queue.peek(views);
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += as_text(views[i]);
  return text;
}

TEST_CASE("the send queue gives out what was put in, in order, however it is consumed") {
  const bool holds = rc::check("queue equals string", [](const std::vector<std::string>& pieces) {
    SendQueue queue;
    std::string expected;
    for (const std::string& piece : pieces) {
      if (*rc::gen::arbitrary<bool>()) {
        queue.push(piece);
      } else {
        queue.push(to_bytes(piece));
      }
      expected += piece;
      RC_ASSERT(queue.bytes() == expected.size());
      const std::string front = front_of(queue);
      RC_ASSERT(expected.starts_with(front));
      RC_ASSERT(front.empty() == expected.empty());
      const auto consumed = *rc::gen::inRange<std::size_t>(0, front.size() + 1);
      queue.consume(consumed);
      expected.erase(0, consumed);
    }
    for (; !expected.empty(); expected.erase(0, 1)) {
      RC_ASSERT(front_of(queue)[0] == expected[0]);
      queue.consume(1);
    }
    RC_ASSERT(queue.empty());
  });
  CHECK(holds);
}

TEST_CASE("a long queue is consumed in linear time") {
  SendQueue queue;
  for (int i = 0; i < 200'000; ++i) queue.push(std::string("0123456789"));
  CHECK(queue.bytes() == 2'000'000);
  while (!queue.empty()) queue.consume(std::min<std::size_t>(queue.bytes(), 7));
}

TEST_CASE("whole chunks are taken out up to a size, and at least one") {
  SendQueue queue;
  for (const char* text : {"aaaa", "bbbb", "cccc"}) queue.push(std::string(text));
  CHECK(queue.take(5).size() == 2);
  CHECK(queue.bytes() == 4);
  CHECK(queue.take(1).size() == 1);
  CHECK(queue.empty());
  CHECK(queue.take(1).empty());
}

TEST_CASE("strangers are limited in all and by address, and a ticket gives back what it took") {
  const auto admission = std::make_shared<Admission>(AdmissionLimits{10, 4, 2});
  Ticket a, b, c, d, e;
  CHECK(admission->admit("192.0.2.1", a) == Refusal::none);
  CHECK(admission->admit("192.0.2.1", b) == Refusal::none);
  CHECK(admission->admit("192.0.2.1", c) == Refusal::address);
  CHECK_FALSE(c);
  CHECK(admission->admit("192.0.2.2", c) == Refusal::none);
  CHECK(admission->admit("192.0.2.3", d) == Refusal::none);
  CHECK(admission->admit("192.0.2.4", e) == Refusal::strangers);
  b = Ticket();
  CHECK(admission->admit("192.0.2.1", e) == Refusal::none);
  CHECK(admission->strangers() == 4);
  for (Ticket* ticket : {&a, &b, &c, &d, &e}) *ticket = Ticket();
  CHECK(admission->connections() == 0);
  CHECK(admission->strangers() == 0);
  CHECK(admission->addresses() == 0);
}

TEST_CASE("who has proven itself is no stranger any more, and counts as a connection still") {
  const auto admission = std::make_shared<Admission>(AdmissionLimits{3, 1, 1});
  std::vector<Ticket> tickets(4);
  for (int i = 0; i < 3; ++i) {
    CHECK(admission->admit("192.0.2.1", tickets[i]) == Refusal::none);
    tickets[i].proven();
    tickets[i].proven();
  }
  CHECK(admission->strangers() == 0);
  CHECK(admission->addresses() == 0);
  CHECK(admission->admit("192.0.2.1", tickets[3]) == Refusal::connections);
  tickets.clear();
  CHECK(admission->connections() == 0);
}

TEST_CASE("an IPv6 network of 64 bits counts as one address, and Unix sockets as none") {
  const auto admission = std::make_shared<Admission>(AdmissionLimits{10, 10, 1});
  std::vector<Ticket> tickets(5);
  CHECK(admission->admit("2001:db8::1", tickets[0]) == Refusal::none);
  CHECK(admission->admit("2001:db8::ffff", tickets[1]) == Refusal::address);
  CHECK(admission->admit("2001:db8:0:1::1", tickets[1]) == Refusal::none);
  CHECK(admission->admit("", tickets[2]) == Refusal::none);
  CHECK(admission->admit("", tickets[3]) == Refusal::none);
}

}  // namespace
}  // namespace sealpost::net
