#include "log/errc.hpp"

namespace sealpost::log {
namespace {

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "log"; }
  std::string message(int code) const override { return text(static_cast<Errc>(code)); }

 private:
  static const char* text(Errc code) {
    switch (code) {
      case Errc::stale_epoch:
        return "the device has a newer epoch";
      case Errc::lane_conflict:
        return "not the next message of the lane";
      case Errc::lane_shut:
        return "the lane is shut";
      case Errc::stale_cursor:
        return "the consumer has passed this event";
      case Errc::identity_conflict:
        return "does not follow the newest version of the identity";
      case Errc::key_claimed:
        return "a key belongs to another identity";
      case Errc::idempotency_mismatch:
        return "the idempotency key was used for another request";
      case Errc::bad_draft:
        return "the event lacks a field or has one too many";
      case Errc::overloaded:
        return "too much is waiting for the log";
      case Errc::disk_full:
        return "the disk is full";
      case Errc::io:
        return "the disk has failed";
      case Errc::stopped:
        return "the log has been stopped";
      case Errc::cannot_open:
        return "cannot be opened";
      case Errc::locked:
        return "is open in another process";
      case Errc::not_a_log:
        return "is not a Sealpost log";
      case Errc::newer_schema:
        return "was written by a newer version of Sealpost";
      case Errc::older_schema:
        return "was written by an older version of Sealpost, which cannot be opened: go on with that version, or move "
               "the log and its -wal file away and begin a new one";
      case Errc::corrupt:
        return "is damaged";
      case Errc::wal_damaged:
        return "has lost commits: the -wal file beside it is damaged";
    }
    return "unknown error of the log";
  }
};

}  // namespace

boost::system::error_code make_error_code(Errc code) {
  static const Category category;
  return {static_cast<int>(code), category};
}

}  // namespace sealpost::log
