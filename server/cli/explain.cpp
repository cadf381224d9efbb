#include "cli/explain.hpp"

#include <fmt/format.h>

#include "client/errc.hpp"
#include "log/errc.hpp"
#include "net/errc.hpp"

namespace sealpost::cli {
namespace {

using ClientErrc = client::Errc;
using LogErrc = log::Errc;
using NetErrc = net::Errc;

struct Words {
  ErrorCode error;
  Exit exit;
  std::string_view mend;
};

const Words* words_of(const ErrorCode& error) {
  static const Words all[] = {
      {boost::system::errc::make_error_code(boost::system::errc::connection_refused), Exit::unreachable,
       "Nobody listens there: is sealpostd running, and is this its address? Name another with --server."},
      {NetErrc::host_not_found, Exit::unreachable, "Check the name in --server."},
      {NetErrc::timeout, Exit::unreachable, "Check the address, and whether a firewall lets you through."},
      {NetErrc::certificate_untrusted, Exit::refused, "Name the authority that signed its certificate: --ca FILE"},
      {NetErrc::certificate_wrong_name, Exit::refused, "Use the name that its certificate is made out to."},
      {NetErrc::certificate_expired, Exit::refused, "The server needs a new certificate; or a clock is wrong."},
      {NetErrc::ca_file_unreadable, Exit::usage, "Check the path given with --ca."},
      {NetErrc::tls_failed, Exit::unreachable, "Does that port speak TLS? mqtt:// and ws:// are without it."},
      {NetErrc::not_a_websocket, Exit::unreachable, "Is this the address of a WebSocket (ws://HOST:PORT/mqtt)?"},
      {ClientErrc::refused, Exit::refused,
       "The server tells no more than that. Does it admit your identity (registration: sealpost identity shows your "
       "permalink), and is this address one of its endpoints? Its log says why."},
      {ClientErrc::server_changed, Exit::refused,
       "Either somebody stands between you and it, or it was set up anew. If you know the latter, start with another "
       "--home, or move the store away."},
      {ClientErrc::server_unproven, Exit::refused, "What answers there is not a Sealpost server that proves itself."},
      {ClientErrc::taken_over, Exit::failed, "The same store must not be used in two places."},
      {ClientErrc::busy, Exit::unreachable, "Try again in a while."},
      {ClientErrc::too_many_versions, Exit::refused,
       "A server takes at most 16 that it does not know. Talk with it as a new identity (another --home), or, if it "
       "may "
       "have meant another limit, try again in a while."},
      {ClientErrc::closed, Exit::unreachable, "Try again."},
      {ClientErrc::silent, Exit::unreachable, "Try again; check the network."},
      {ClientErrc::incompatible, Exit::refused, "Is this the MQTT port of a Sealpost server?"},
      {ClientErrc::protocol, Exit::failed, "Is this the MQTT port of a Sealpost server?"},
      {ClientErrc::too_large, Exit::failed, "Send less at a time."},
      {ClientErrc::bad_payload, Exit::usage, R"(Write an object such as {"_t":"demo.Note","text":"hello"})"},
      {ClientErrc::bad_context, Exit::usage, "Check --context, and the terminal's encoding."},
      {ClientErrc::store_locked, Exit::busy, "Another sealpost uses it: end that one, or name another --home."},
      {ClientErrc::store_damaged, Exit::damaged, "Move it away: the server delivers what you received once more."},
      {ClientErrc::store_newer, Exit::damaged, "Use the newer Sealpost."},
      {ClientErrc::store_foreign, Exit::damaged, "Keep one --home for each identity."},
      {ClientErrc::store_failed, Exit::failed, "Check the disk and the folder's permissions."},
      {LogErrc::locked, Exit::busy, "A server (or another tool) has it open: stop it first."},
      {LogErrc::corrupt, Exit::damaged, "sealpost verify says where; restore it from a backup."},
      {LogErrc::not_a_log, Exit::damaged, "Check the path; if it was one, restore it from a backup."},
      {LogErrc::wal_damaged, Exit::damaged, "Restore it from a backup that verifies."},
  };
  for (const Words& words : all) {
    if (words.error == error) return &words;
  }
  return nullptr;
}

}  // namespace

Explained explain(const ErrorCode& error, const std::string& where, const std::string& detail) {
  const Words* const words = words_of(error);
  const std::string said = detail.empty() || detail == error.message() ? "" : fmt::format(" ({})", detail);
  const std::string what = fmt::format("{}: {}{}", where, error.message(), said);
  const bool network = error.category() == boost::system::system_category() ||
                       &error.category() == &make_error_code(NetErrc::timeout).category();
  if (!words) return {network ? Exit::unreachable : Exit::failed, what + ".", what};
  return {words->exit, fmt::format("{}. {}", what, words->mend), what};
}

}  // namespace sealpost::cli
