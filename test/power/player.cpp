#include "player.hpp"

namespace sealpost::power {

void Player::burst(int transactions) {
  rest_ = transactions - 1;
  waiting_ = 1;
  give_one();
  all_answered_.acquire();
  if (!broken_.empty()) throw Violation(broken_);
}

void Player::give_rest() {
  const int count = std::exchange(rest_, 0);
  waiting_ += count;
  for (int i = 0; i < count; ++i) {
    if (chance(dice_, 20)) note_position();
    give_one();
  }
}

void Player::give_one() {
  if (chance(dice_, 3)) {
    log_.append(author_.unlawful(ledger_.model()), [this](const Result<log::Appended>& answer) {
      if (answer) broken_ = "what is not lawful is acknowledged";
      one_less();
    });
    return;
  }
  log::Transaction transaction = author_.lawful(ledger_.model());
  const std::size_t place = ledger_.give(transaction, machine_.clock.now());
  log_.append(std::move(transaction), [this, place](const Result<log::Appended>& answer) { answered(place, answer); });
}

void Player::answered(std::size_t place, const Result<log::Appended>& answer) {
  try {
    if (!answer) throw Violation("a lawful transaction is refused: " + answer.error().message());
    ledger_.answered(place, answer, machine_.disk.now());
  } catch (const Violation& violation) {
    broken_ = violation.what();
  }
  one_less();
}

void Player::one_less() {
  give_rest();
  if (--waiting_ == 0) all_answered_.release();
}

// Of what is durable: a device stores nothing else.
void Player::note_position() {
  for (std::size_t place = ledger_.entries().size(); place-- > 0;) {
    const Entry& entry = ledger_.entries()[place];
    if (!entry.acked_at) continue;
    for (const log::Draft& draft : entry.transaction.drafts) {
      if (draft.kind != log::Kind::out) continue;
      for (const auto& [label, device] : ledger_.model().client(draft.client).devices) {
        if (device.epoch.value == 0) continue;
        const Device name = Device::parse(label).value();
        log_.note_acked(draft.client, name, draft.seq);
        ledger_.note(draft.client, name, draft.seq);
        return;
      }
    }
  }
}

}  // namespace sealpost::power
