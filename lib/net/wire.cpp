#include "net/wire.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/uio.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "net/certificate.hpp"
#include "net/deadline.hpp"
#include "net/numeric_address.hpp"

namespace sealpost::net {
namespace {

constexpr std::size_t pieces_max = 16;         // in one system call
constexpr std::size_t record_max = 16 * 1024;  // bytes in a TLS record (RFC 8446, section 5.1)

ErrorCode system_error(int number) {
  return {number, boost::system::system_category()};
}

Attempt failed(ErrorCode error) {
  return {0, std::nullopt, error};
}

// After a system call that failed.
Attempt failed_call(Ready ready) {
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return {0, ready, {}};
  return failed(system_error(errno));
}

}  // namespace

void EndTls::operator()(ssl_st* tls) const {
  SSL_free(tls);
}

Wire::Wire(const Executor& executor, Descriptor descriptor, Tls tls, Peer peer, Ticket ticket)
    : descriptor_(executor), tls_(std::move(tls)), peer_(std::move(peer)), ticket_(std::move(ticket)) {
  descriptor_.assign(descriptor.get());
  descriptor.release();  // not before: what could not be assigned is closed
  descriptor_.non_blocking(true);
}

Wire::~Wire() {
  if (gauge_) gauge_->add(-1);
}

void Wire::count_in(Counter& gauge) {
  gauge_ = &gauge;
  gauge_->add(1);
}

Attempt Wire::outcome(int result) {
  const int error = SSL_get_error(tls_.get(), result);
  if (error == SSL_ERROR_WANT_READ) return {0, Ready::read, {}};
  if (error == SSL_ERROR_WANT_WRITE) return {0, Ready::write, {}};
  if (error == SSL_ERROR_ZERO_RETURN) return failed(Errc::end_of_stream);
  if (error == SSL_ERROR_SYSCALL) return failed(system_error(errno != 0 ? errno : ECONNRESET));
  return failed(Errc::tls_failed);
}

Attempt Wire::handshake() {
  const std::lock_guard lock(mutex_);
  if (!descriptor_.is_open()) return failed(Errc::closed);
  ERR_clear_error();
  errno = 0;
  const int result = SSL_do_handshake(tls_.get());
  if (result == 1) {
    note_certificate();
    return {};
  }
  Attempt attempt = outcome(result);
  if (attempt.error == Errc::tls_failed) handshake_error_ = ERR_peek_error();
  return attempt;
}

// OpenSSL lets none through that it could not verify.
void Wire::note_certificate() {
  const X509* certificate = SSL_get0_peer_certificate(tls_.get());
  peer_.certified = certificate && SSL_get_verify_result(tls_.get()) == X509_V_OK;
  if (peer_.certified) peer_.certificate_name = common_name(certificate);
}

std::string Wire::handshake_failure() const {
  const std::lock_guard lock(mutex_);
  const long verified = tls_ ? SSL_get_verify_result(tls_.get()) : X509_V_OK;
  if (verified != X509_V_OK) return fmt::format("the peer's certificate: {}", X509_verify_cert_error_string(verified));
  const char* reason = ERR_reason_error_string(handshake_error_);
  return reason ? reason : "no TLS";
}

Attempt Wire::read(std::span<std::uint8_t> room) {
  const std::lock_guard lock(mutex_);
  if (!descriptor_.is_open()) return failed(Errc::closed);
  return tls_ && handshake_error_ == 0 ? read_tls(room) : read_plain(room);
}

Attempt Wire::read_plain(std::span<std::uint8_t> room) {
  const ssize_t count = ::recv(descriptor_.native_handle(), room.data(), room.size(), 0);
  if (count < 0) return failed_call(Ready::read);
  if (count == 0) return failed(Errc::end_of_stream);
  return {static_cast<std::size_t>(count), std::nullopt, {}};
}

Attempt Wire::read_ahead_of_tls(std::span<std::uint8_t> room) {
  const std::lock_guard lock(mutex_);
  if (!descriptor_.is_open()) return failed(Errc::closed);
  return read_plain(room);
}

// Record by record until the socket is empty, so that nothing decrypted is left behind when the caller waits.
Attempt Wire::read_tls(std::span<std::uint8_t> room) {
  std::size_t filled = 0;
  while (filled < room.size()) {
    ERR_clear_error();
    errno = 0;
    std::size_t count = 0;
    const int result = SSL_read_ex(tls_.get(), room.data() + filled, room.size() - filled, &count);
    if (result != 1) return filled > 0 ? Attempt{filled, std::nullopt, {}} : outcome(result);
    filled += count;
  }
  return {filled, std::nullopt, {}};
}

Attempt Wire::write(std::span<const BytesView> pieces) {
  const std::lock_guard lock(mutex_);
  if (!descriptor_.is_open()) return failed(Errc::closed);
  return tls_ ? write_tls(pieces) : write_plain(pieces);
}

Attempt Wire::write_plain(std::span<const BytesView> pieces) {
  std::array<iovec, pieces_max> vector;
  const std::size_t count = std::min(pieces.size(), vector.size());
  for (std::size_t i = 0; i < count; ++i) {
    vector[i] = {const_cast<std::uint8_t*>(pieces[i].data()), pieces[i].size()};
  }
  msghdr message{};
  message.msg_iov = vector.data();
  message.msg_iovlen = count;
  const ssize_t sent = ::sendmsg(descriptor_.native_handle(), &message, MSG_NOSIGNAL);
  if (sent < 0) return failed_call(Ready::write);
  return {static_cast<std::size_t>(sent), std::nullopt, {}};
}

// Small pieces share a record. An attempt that is repeated gathers the same bytes again, and perhaps some more: that is
// what SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER allows.
Attempt Wire::write_tls(std::span<const BytesView> pieces) {
  std::array<std::uint8_t, record_max> gathered;
  BytesView record = pieces.front();
  if (record.size() < record_max && pieces.size() > 1) {
    std::size_t size = 0;
    for (const BytesView piece : pieces) {
      const std::size_t taken = std::min(piece.size(), record_max - size);
      std::copy_n(piece.begin(), taken, gathered.begin() + static_cast<std::ptrdiff_t>(size));
      size += taken;
    }
    record = {gathered.data(), size};
  }
  ERR_clear_error();
  errno = 0;
  std::size_t count = 0;
  const int result = SSL_write_ex(tls_.get(), record.data(), record.size(), &count);
  return result == 1 ? Attempt{count, std::nullopt, {}} : outcome(result);
}

Attempt Wire::finish() {
  const std::lock_guard lock(mutex_);
  if (!descriptor_.is_open()) return failed(Errc::closed);
  if (tls_ && SSL_is_init_finished(tls_.get())) {
    ERR_clear_error();
    errno = 0;
    const int result = SSL_shutdown(tls_.get());
    if (result < 0) {
      Attempt attempt = outcome(result);
      if (attempt.wait == Ready::write) return attempt;
    }
  }
  if (::shutdown(descriptor_.native_handle(), SHUT_WR) < 0) return failed(system_error(errno));
  return {};
}

bool Wire::gone() {
  const std::lock_guard lock(mutex_);
  if (!descriptor_.is_open()) return true;
  std::uint8_t byte = 0;
  if (!tls_) {
    const ssize_t count = ::recv(descriptor_.native_handle(), &byte, 1, MSG_PEEK);
    return count == 0 || (count < 0 && !failed_call(Ready::read).wait);
  }
  ERR_clear_error();
  errno = 0;
  std::size_t count = 0;
  const int result = SSL_peek_ex(tls_.get(), &byte, 1, &count);
  return result != 1 && !outcome(result).wait;
}

int Wire::accept(sockaddr_storage& from, socklen_t& size) {
  const std::lock_guard lock(mutex_);
  errno = EBADF;
  if (!descriptor_.is_open()) return -1;
  return ::accept4(descriptor_.native_handle(), reinterpret_cast<sockaddr*>(&from), &size,
                   SOCK_NONBLOCK | SOCK_CLOEXEC);
}

ErrorCode Wire::connected() {
  const std::lock_guard lock(mutex_);
  if (!descriptor_.is_open()) return Errc::closed;
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(descriptor_.native_handle(), SOL_SOCKET, SO_ERROR, &error, &size) < 0) error = errno;
  return error == 0 ? ErrorCode() : system_error(error);
}

void Wire::cancel() {
  const std::lock_guard lock(mutex_);
  if (descriptor_.is_open()) descriptor_.cancel();
}

void Wire::interrupt() {
  const std::lock_guard lock(mutex_);
  interrupted_ = true;
  if (descriptor_.is_open()) descriptor_.cancel();
}

void Wire::resume() {
  const std::lock_guard lock(mutex_);
  interrupted_ = false;
}

void Wire::abort() {
  const std::lock_guard lock(mutex_);
  ErrorCode ignored;
  descriptor_.close(ignored);
}

bool Wire::open() const {
  const std::lock_guard lock(mutex_);
  return descriptor_.is_open();
}

std::optional<Digest> Wire::exporter() const {
  constexpr std::string_view label = "EXPORTER-Channel-Binding";  // RFC 9266, section 4.2; the context is empty
  const std::lock_guard lock(mutex_);
  if (!tls_ || SSL_version(tls_.get()) != TLS1_3_VERSION) return std::nullopt;
  Digest value{};
  const int done =
      SSL_export_keying_material(tls_.get(), value.data(), value.size(), label.data(), label.size(), nullptr, 0, 1);
  return done == 1 ? std::optional(value) : std::nullopt;
}

std::optional<Digest> Wire::peer_certificate() const {
  const std::lock_guard lock(mutex_);
  if (!tls_) return std::nullopt;
  X509* certificate = SSL_get0_peer_certificate(tls_.get());
  Digest digest{};
  if (!certificate || X509_digest(certificate, EVP_sha256(), digest.data(), nullptr) != 1) return std::nullopt;
  return digest;
}

long Wire::verify_result() const {
  const std::lock_guard lock(mutex_);
  return tls_ ? SSL_get_verify_result(tls_.get()) : X509_V_OK;
}

void Wire::proven() {
  const std::lock_guard lock(mutex_);
  ticket_.proven();
}

// A proxy is believed in what it says of others; that its client is a program on our machine only where it runs here
// too.
Refusal Wire::introduce(const ProxyHeader& header) {
  using Source = ProxyHeader::Source;
  const std::lock_guard lock(mutex_);
  const std::string proxy = peer_.address;
  if (header.source == Source::client) peer_.address = header.address;
  if (header.source == Source::local) peer_.address = "unix";
  if (header.source == Source::client || header.source == Source::local) peer_.port = header.port;
  if (header.source == Source::client) peer_.loopback = peer_.near && is_loopback(header.address);
  if (header.source == Source::unknown) peer_.loopback = false;
  return ticket_.count_for(header.source == Source::client ? header.address : proxy);
}

asio::awaitable<ErrorCode> ready(Wire& wire, Ready ready, Wire::Waits waits) {
  ErrorCode error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  co_await wire.async_ready(ready, waits, token);
  co_return error;
}

asio::awaitable<Result<ProxyHeader>> read_proxy_header(Wire& wire) {
  std::array<std::uint8_t, proxy_header_max> bytes;
  std::size_t size = 0;
  for (;;) {
    const Result<std::size_t> needs = proxy_header_needs({bytes.data(), size});
    if (!needs) co_return needs.error();
    if (*needs == 0) co_return parse_proxy_header({bytes.data(), size});
    const Attempt attempt = wire.read_ahead_of_tls({bytes.data() + size, *needs});
    const bool broken_off = attempt.error == Errc::end_of_stream && size > 0;
    if (attempt.error) co_return broken_off ? Errc::proxy_header_malformed : attempt.error;
    size += attempt.bytes;
    if (!attempt.wait) continue;
    const ErrorCode error = co_await ready(wire, *attempt.wait);
    if (error) co_return Errc::timeout;
  }
}

asio::awaitable<ErrorCode> shake_hands(Wire& wire) {
  for (;;) {
    const Attempt attempt = wire.handshake();
    if (!attempt.wait) co_return attempt.error;
    const ErrorCode error = co_await ready(wire, *attempt.wait);
    if (error) co_return error;
  }
}

asio::awaitable<ErrorCode> write_all(Wire& wire, BytesView bytes) {
  while (!bytes.empty()) {
    const Attempt attempt = wire.write({&bytes, 1});
    if (attempt.error) co_return attempt.error;
    bytes = bytes.subspan(attempt.bytes);
    if (!attempt.wait) continue;
    const ErrorCode error = co_await ready(wire, *attempt.wait);
    if (error) co_return error;
  }
  co_return ErrorCode();
}

namespace {

// True when there is nothing left to wait for.
bool drop_what_comes(Wire& wire, BufferPool& buffers) {
  Lease lease = buffers.small();
  for (int reads = 0; reads < 64; ++reads) {  // then others have their turn
    const Attempt attempt = wire.read(lease.room());
    if (attempt.error) return true;
    if (attempt.wait) return false;
  }
  return false;
}

}  // namespace

asio::awaitable<void> linger(std::shared_ptr<Wire> wire, Ports ports, std::chrono::milliseconds limit) {
  const Deadline deadline(ports.timers, limit, [wire] { wire->abort(); });
  ErrorCode error;
  Attempt goodbye = wire->finish();
  while (goodbye.wait && !error) {
    error = co_await ready(*wire, Ready::write, Wire::Waits::always);
    goodbye = wire->finish();
  }
  bool done = error || goodbye.error || drop_what_comes(*wire, ports.buffers);
  while (!done) {
    error = co_await ready(*wire, Ready::read, Wire::Waits::always);
    // An interrupt() ends waits that stand, whoever waits: only a closed socket ends this one.
    done = (error && !wire->open()) || drop_what_comes(*wire, ports.buffers);
  }
  wire->abort();
}

}  // namespace sealpost::net
