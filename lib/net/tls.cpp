#include "net/tls.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace sealpost::net {
namespace {

// The innermost reason that OpenSSL gives; empties its queue.
std::string openssl_reason() {
  const unsigned long code = ERR_peek_error();
  ERR_clear_error();
  const char* reason = ERR_reason_error_string(code);
  return reason ? reason : "unknown reason";
}

void require_readable(const std::filesystem::path& path, const char* what, const char* setting) {
  if (path.empty()) throw std::runtime_error(fmt::format("TLS needs a {}: set {}", what, setting));
  errno = 0;
  if (std::ifstream(path).get() != std::ifstream::traits_type::eof()) return;
  throw std::runtime_error(fmt::format("cannot read the TLS {} {}: {}. Check the path and that this user may read it",
                                       what, path.string(), errno ? std::strerror(errno) : "it is empty"));
}

std::shared_ptr<SSL_CTX> make_context(const TlsOptions& options) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (!context) throw std::runtime_error("OpenSSL cannot make a TLS context: " + openssl_reason());
  SSL_CTX_set_min_proto_version(context.get(), options.allow_tls12 ? TLS1_2_VERSION : TLS1_3_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
                                         SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  // No tickets: connections live long, and one that a peer resets before it has read its ticket is a known trap.
  SSL_CTX_set_num_tickets(context.get(), 0);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  return context;
}

void load(SSL_CTX* context, const TlsOptions& options) {
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(context, options.certificate.c_str()) != 1) {
    throw std::runtime_error(
        fmt::format("the TLS certificate {} cannot be used: {}. It should be PEM, and begin with "
                    "-----BEGIN CERTIFICATE-----: the server's certificate first, then the intermediate ones",
                    options.certificate.string(), openssl_reason()));
  }
  const bool usable = SSL_CTX_use_PrivateKey_file(context, options.key.c_str(), SSL_FILETYPE_PEM) == 1;
  const unsigned long failure = ERR_peek_error();
  const bool mismatch =
      usable ? SSL_CTX_check_private_key(context) != 1
             : ERR_GET_LIB(failure) == ERR_LIB_X509 && (ERR_GET_REASON(failure) == X509_R_KEY_VALUES_MISMATCH ||
                                                        ERR_GET_REASON(failure) == X509_R_KEY_TYPE_MISMATCH);
  const std::string reason = openssl_reason();
  if (mismatch) {
    throw std::runtime_error(
        fmt::format("the TLS key {} is not the one of the certificate {}. Name the key that the certificate was "
                    "requested with; where both were renewed, replace both",
                    options.key.string(), options.certificate.string()));
  }
  if (!usable) {
    throw std::runtime_error(
        fmt::format("the TLS key {} cannot be used: {}. It should be PEM without a passphrase "
                    "(openssl pkey -in old.pem -out new.pem takes one away)",
                    options.key.string(), reason));
  }
}

void ask_clients(SSL_CTX* context, const TlsOptions& options) {
  if (options.clients == ClientCertificates::none) return;
  require_readable(options.client_ca, "authorities", "client_ca");
  STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(options.client_ca.c_str());
  if (names == nullptr || SSL_CTX_load_verify_file(context, options.client_ca.c_str()) != 1) {
    sk_X509_NAME_pop_free(names, X509_NAME_free);
    throw std::runtime_error(
        fmt::format("the TLS client_ca {} cannot be used: {}. It should be PEM: the certificates of the authorities "
                    "that sign those of the clients",
                    options.client_ca.string(), openssl_reason()));
  }
  SSL_CTX_set_client_CA_list(context, names);
  const bool required = options.clients == ClientCertificates::required;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
}

void warn_of_permissions(const std::filesystem::path& key, LogSink& log) {
  struct stat found {};
  if (::stat(key.c_str(), &found) != 0 || (found.st_mode & S_IRWXO) == 0) return;
  log.write(Level::warn, "net",
            fmt::format("the TLS key {} can be read by every user of this machine: chmod o-rwx it", key.string()));
}

std::shared_ptr<SSL_CTX> read_context(const TlsOptions& options, LogSink& log) {
  require_readable(options.certificate, "certificate", "tls.certificate");
  require_readable(options.key, "key", "tls.key");
  std::shared_ptr<SSL_CTX> context = make_context(options);
  // A key with a passphrase must not ask for it on the terminal.
  SSL_CTX_set_default_passwd_cb(context.get(), [](char*, int, int, void*) { return 0; });
  load(context.get(), options);
  ask_clients(context.get(), options);
  warn_of_permissions(options.key, log);
  return context;
}

}  // namespace

TlsContext::TlsContext(TlsOptions options, LogSink& log)
    : options_(std::move(options)), log_(log), context_(read_context(options_, log)) {}

bool TlsContext::reload() {
  try {
    std::shared_ptr<SSL_CTX> fresh = read_context(options_, log_);
    const std::lock_guard lock(mutex_);
    context_ = std::move(fresh);
    return true;
  } catch (const std::exception& failure) {
    log_.write(Level::error, "net", fmt::format("{}. What is in use stays", failure.what()));
    return false;
  }
}

std::shared_ptr<SSL_CTX> TlsContext::current() const {
  const std::lock_guard lock(mutex_);
  return context_;
}

}  // namespace sealpost::net
