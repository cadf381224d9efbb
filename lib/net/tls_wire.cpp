#include "net/tls_wire.hpp"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

namespace sealpost::net {
namespace {

int descriptor_of(BIO* bio) {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

bool would_block() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

int write_bio(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t sent = ::send(descriptor_of(bio), bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (sent < 0 && would_block()) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

int read_bio(BIO* bio, char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t count = ::recv(descriptor_of(bio), bytes, static_cast<std::size_t>(size), 0);
  if (count < 0 && would_block()) BIO_set_retry_read(bio);
  return static_cast<int>(count);
}

long control_bio(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

// Like OpenSSL's own socket BIO, but a write to a socket that the peer has closed raises no SIGPIPE. Never freed: it is
// one for the process, as constant as a table of functions.
const BIO_METHOD* socket_method() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sealpost socket");
    BIO_meth_set_write(made, write_bio);
    BIO_meth_set_read(made, read_bio);
    BIO_meth_set_ctrl(made, control_bio);
    return made;
  }();
  return method;
}

Tls on_socket(ssl_ctx_st* context, int descriptor) {
  Tls tls(SSL_new(context));
  BIO* bio = tls ? BIO_new(socket_method()) : nullptr;
  if (!bio) return nullptr;
  // The number itself is the data, and is never followed: a BIO has no other place for it.
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(descriptor)));
  BIO_set_init(bio, 1);
  SSL_set_bio(tls.get(), bio, bio);
  SSL_set_mode(tls.get(),
               SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return tls;
}

bool is_address(const std::string& host) {
  in6_addr address;
  return inet_pton(AF_INET, host.c_str(), &address) == 1 || inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

bool trusts_by_authority(const Trust& trust) {
  return !trust.insecure && !trust.pin;
}

ErrorCode load_authorities(SSL_CTX* context, const Trust& trust) {
  if (!trusts_by_authority(trust)) return {};
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (trust.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context);
  } else if (SSL_CTX_load_verify_file(context, trust.ca_file.c_str()) != 1) {
    return Errc::ca_file_unreadable;
  }
  return {};
}

void expect_host(SSL* tls, const std::string& host) {
  if (is_address(host)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), host.c_str());
  } else {
    SSL_set1_host(tls, host.c_str());
    SSL_set_tlsext_host_name(tls, host.c_str());
  }
}

Errc meaning_of(long verify_result) {
  switch (verify_result) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return Errc::certificate_wrong_name;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return Errc::certificate_expired;
    default:
      return Errc::certificate_untrusted;
  }
}

}  // namespace

Tls tls_server(ssl_ctx_st* context, int descriptor) {
  Tls tls = on_socket(context, descriptor);
  if (tls) SSL_set_accept_state(tls.get());
  return tls;
}

Result<Tls> tls_client(const Trust& trust, const std::string& host, int descriptor) {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  if (!context) return Errc::tls_failed;
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  const ErrorCode error = load_authorities(context.get(), trust);
  if (error) return error;
  Tls tls = on_socket(context.get(), descriptor);
  if (!tls) return Errc::tls_failed;
  SSL_set_connect_state(tls.get());
  expect_host(tls.get(), host);
  return tls;
}

ErrorCode judge(const Trust& trust, const Wire& wire, ErrorCode handshake) {
  const long verified = wire.verify_result();
  if (trusts_by_authority(trust) && verified != X509_V_OK) return meaning_of(verified);
  if (handshake) return handshake;
  if (trust.pin && !trust.insecure && wire.peer_certificate() != trust.pin) return Errc::certificate_not_pinned;
  return {};
}

}  // namespace sealpost::net
