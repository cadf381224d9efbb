#pragma once
// The whole of one simulation, made from its seed: people with devices, the server, strangers, and the faults that come
// over them. First a time in which anything may fail and nothing may be lost; then one in which nothing fails any more,
// and everything has to come to rest.

#include <deque>
#include <memory>
#include <vector>

#include "phone.hpp"
#include "server.hpp"

namespace sealpost::sim {

struct Outcome {
  std::uint64_t seed = 0;
  std::uint64_t trace = 0;
  std::uint64_t steps = 0;
  Coverage coverage;
  std::optional<std::string> violation;
};

class World final : private Town {
 public:
  World(std::uint64_t seed, bool printing);
  ~World() override;
  Outcome run();

 private:
  // Town
  std::shared_ptr<Line> dial(const std::string& address) override;
  const Person& server() const override { return server_.identity(); }
  Permalink somebody() override;
  Permalink nobody() override;
  std::string new_tag() override { return std::to_string(++tags_); }

  void step();
  void be_unsafe();
  void come_to_rest();
  bool at_rest();
  void check();
  void write_later(Phone&);
  Phone& some_phone() { return *phones_[dice_.below(phones_.size())]; }

  // world_faults.cpp
  void next_fault();
  void cause(Fault);
  void crash_server();
  void crash_client();
  void fill_disk();
  void slow_down();
  void straddle();
  void crowd();
  void jump(SkewedClock&);
  void garbage();
  void impostor();
  void replay();
  void come_twice();
  void shake_hands(const std::shared_ptr<Line>&, const Phone& device, const std::shared_ptr<const object::Signer>&,
                   const auth::ProofTerms&);
  std::shared_ptr<Line> dial_as_stranger();

  const std::uint64_t seed_;
  Scene scene_;
  Judge judge_{scene_};
  Dice dice_;
  SeededRandom random_;
  Server server_;
  std::vector<std::unique_ptr<Person>> people_;
  std::vector<std::unique_ptr<Phone>> phones_;
  Person outsider_;
  std::uint64_t lines_ = 0;
  std::uint64_t tags_ = 0;
  std::size_t budget_ = 0;
};

}  // namespace sealpost::sim
