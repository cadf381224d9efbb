#pragma once
// An identity with its keys: the server's, and each client's.

#include <memory>
#include <string>
#include <vector>

#include "object/identity.hpp"

namespace sealpost::sim {

class Person {
 public:
  Person(Random& random, std::string name)
      : name_(std::move(name)), update_(object::KeyPair::generate(random)), permalink_(first(random)) {}

  const Permalink& permalink() const { return permalink_; }
  const std::vector<object::Identity>& versions() const { return versions_; }
  const object::Signer& signer() const { return *signers_.back(); }
  const object::Signer& signer(std::size_t versions) const { return *signers_[versions - 1]; }
  std::vector<std::string> texts(std::size_t from) const {
    std::vector<std::string> texts;
    for (std::size_t i = from; i < versions_.size(); ++i) texts.emplace_back(versions_[i].stored());
    return texts;
  }
  // A new version, whose `sign` key is another.
  void renew(Random& random) {
    signers_.push_back(std::make_unique<object::KeyPair>(object::KeyPair::generate(random)));
    versions_.push_back(object::make_next(versions_.back(), draft(), update_));
  }

 private:
  object::IdentityDraft draft() const {
    object::IdentityDraft draft;
    draft.name = name_;
    draft.keys = {{object::purpose_update, &update_}, {object::purpose_sign, signers_.back().get()}};
    draft.time = 1'700'000'000'000 + static_cast<Millis>(versions_.size());
    return draft;
  }
  Permalink first(Random& random) {
    signers_.push_back(std::make_unique<object::KeyPair>(object::KeyPair::generate(random)));
    versions_.push_back(object::make_first(draft(), update_));
    return versions_.front().permalink();
  }

  std::string name_;
  object::KeyPair update_;
  std::vector<std::unique_ptr<object::KeyPair>> signers_;  // old ones stay: what they signed may still be on its way
  std::vector<object::Identity> versions_;
  Permalink permalink_;
};

}  // namespace sealpost::sim
