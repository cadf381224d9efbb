#include "net/tls.hpp"

#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "net/network.hpp"

namespace sealpost::net {
namespace {

std::string complaint(const TlsOptions& options, LogLines& log) {
  try {
    TlsContext context(options, log);
    return "";
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

TEST_CASE("a certificate that cannot be used is named, with what is wrong and how to mend it") {
  Folder folder;
  LogLines log;
  const TestCertificate good(folder);
  const auto rubbish = folder.write("rubbish.pem", "not PEM at all\n");
  const auto empty = folder.write("empty.pem", "");
  const auto missing = folder / "missing.pem";
  const auto check = [&](TlsOptions options, const std::filesystem::path& file, const std::string& remedy) {
    const std::string text = complaint(options, log);
    INFO(text);
    CHECK(text.find(file.string()) != text.npos);
    CHECK(text.find(remedy) != text.npos);
  };
  check({missing, good.files.key}, missing, "Check the path");
  check({empty, good.files.key}, empty, "it is empty");
  check({rubbish, good.files.key}, rubbish, "BEGIN CERTIFICATE");
  check({good.files.certificate, missing}, missing, "Check the path");
  check({good.files.certificate, rubbish}, rubbish, "passphrase");
  CHECK(complaint({"", good.files.key}, log).find("tls.certificate") != std::string::npos);
  CHECK(complaint(good.files, log).empty());
}

TEST_CASE("a key that belongs to another certificate is refused, of the same kind or another") {
  Folder folder;
  LogLines log;
  const TestCertificate good(folder);
  const auto other = folder.write("other.pem", make_self_signed({"other"}).key);
  CHECK(complaint({good.files.certificate, other}, log).find("is not the one of the certificate") != std::string::npos);
  EVP_PKEY* rsa = EVP_RSA_gen(2048);
  FILE* file = std::fopen((folder / "rsa.pem").c_str(), "w");
  PEM_write_PrivateKey(file, rsa, nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(file);
  EVP_PKEY_free(rsa);
  CHECK(complaint({good.files.certificate, folder / "rsa.pem"}, log).find("is not the one of the certificate") !=
        std::string::npos);
}

TEST_CASE("a key that everybody can read is warned of") {
  Folder folder;
  LogLines log;
  const TestCertificate certificate(folder);
  TlsContext quiet(certificate.files, log);
  CHECK(log.count("can be read by every user") == 0);
  folder.write("key.pem", certificate.pem.key, 0644);
  TlsContext loud(certificate.files, log);
  CHECK(log.count("can be read by every user") == 1);
}

TEST_CASE("a reload serves the new certificate, and a bad pair keeps the old and says so") {
  Network network;
  Folder folder;
  Accepted accepted;
  const TestCertificate certificate(folder);
  ListenerOptions options;
  options.tls = std::make_shared<TlsContext>(certificate.files, network.log);
  Served served = serve(network, folder, Scheme::mqtts, accepted, options);
  served.options.trust = {};
  served.options.trust.pin = fingerprint(certificate.pem.certificate);
  // serve() has written a certificate of its own over the files: the context still has the first.
  const auto client = network.dial(served.options);
  const auto server = accepted.next();

  const Certificate fresh = make_self_signed({"localhost"});
  folder.write("cert.pem", fresh.certificate);
  CHECK_FALSE(options.tls->reload());
  CHECK(network.log.count("What is in use stays") == 1);
  network.dial(served.options);

  folder.write("key.pem", fresh.key);
  CHECK(options.tls->reload());
  const auto refused = network.await(dial(network.ports(), served.options));
  CHECK(refused.error() == Errc::certificate_not_pinned);
  served.options.trust.pin = fingerprint(fresh.certificate);
  network.dial(served.options);

  client->send(std::string("I have been here all the time"));
  CHECK(network.await(read_from(server, 29)) == "I have been here all the time");
}

ErrorCode dial_error(Network& network, const DialOptions& options) {
  const auto result = network.await(dial(network.ports(), options));
  return result ? ErrorCode() : result.error();
}

TEST_CASE("a client trusts whom it was told to, and nobody else") {
  Network network;
  Folder folder, other;
  Accepted accepted;
  Served served = serve(network, folder, Scheme::mqtts, accepted);
  const TestCertificate stranger(other);
  DialOptions options = served.options;
  CHECK(dial_error(network, options) == ErrorCode());
  options.host = "localhost";
  CHECK(dial_error(network, options) == ErrorCode());
  options.trust.ca_file = stranger.files.certificate;
  CHECK(dial_error(network, options) == Errc::certificate_untrusted);
  options.trust.ca_file = "/nonexistent/ca.pem";
  CHECK(dial_error(network, options) == Errc::ca_file_unreadable);
  options.trust = {};
  CHECK(dial_error(network, options) == Errc::certificate_untrusted);
  options.trust.pin = fingerprint(stranger.pem.certificate);
  CHECK(dial_error(network, options) == Errc::certificate_not_pinned);
  options.trust.insecure = true;
  CHECK(dial_error(network, options) == ErrorCode());
}

TEST_CASE("a certificate for another host, or one that has expired, is refused by name") {
  Network network;
  Folder folder;
  Accepted accepted;
  const bool expired = GENERATE(true, false);
  const Certificate made =
      expired ? make_self_signed({"127.0.0.1"}, -1) : make_self_signed({"elsewhere.example", "192.0.2.9"});
  ListenerOptions options;
  const TlsOptions files{folder.write("made.pem", made.certificate), folder.write("made.key", made.key)};
  options.tls = std::make_shared<TlsContext>(files, network.log);
  Served served = serve(network, folder, Scheme::mqtts, accepted, options);
  served.options.trust.ca_file = files.certificate;
  CHECK(dial_error(network, served.options) == (expired ? Errc::certificate_expired : Errc::certificate_wrong_name));
}

// What version a blocking client of at most TLS 1.2 gets; 0 if it is refused.
int version_with_tls12(std::uint16_t port) {
  RawClient raw(port);
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
  SSL* tls = SSL_new(context);
  SSL_set_fd(tls, raw.descriptor());
  const int version = SSL_connect(tls) == 1 ? SSL_version(tls) : 0;
  SSL_free(tls);
  SSL_CTX_free(context);
  return version;
}

TEST_CASE("TLS 1.2 is refused, unless it is allowed, and then it has no channel binding") {
  Network network;
  Folder folder;
  Accepted accepted;
  const TestCertificate certificate(folder);
  TlsOptions tls = certificate.files;
  tls.allow_tls12 = GENERATE(false, true);
  ListenerOptions options;
  options.tls = std::make_shared<TlsContext>(tls, network.log);
  const Served served = serve(network, folder, Scheme::mqtts, accepted, options);
  CHECK(version_with_tls12(served.listener->port()) == (tls.allow_tls12 ? TLS1_2_VERSION : 0));
  if (tls.allow_tls12) {
    CHECK_FALSE(accepted.next()->exporter());
  } else {
    CHECK(eventually([&] { return network.counters.connections_open.value() == 0; }));
    CHECK(accepted.waiting() == 0);
  }
}

TEST_CASE("plain text to a TLS port is cut, and TLS to a plain port never succeeds") {
  Network network;
  Folder folder;
  Accepted accepted;
  ListenerOptions options_of_server;
  options_of_server.handshake = 300ms;  // OpenSSL takes some plain text for a record that is still to come
  const Served tls = serve(network, folder, Scheme::mqtts, accepted, options_of_server);
  RawClient client(tls.listener->port());
  client.send("\x10\x0c\x00\x04MQTT\x05\x02 and more that is no TLS");
  client.read_all();  // an alert, or nothing; and then the end
  CHECK(eventually([&] { return network.counters.connections_open.value() == 0; }));

  const Served plain = serve(network, folder, Scheme::mqtt, accepted);
  DialOptions options = tls.options;
  options.port = plain.listener->port();
  options.timeout = 200ms;
  CHECK(dial_error(network, options) == Errc::timeout);
}

TEST_CASE("certificates are made for names and addresses, and refuse what is neither") {
  const Certificate made = make_self_signed({"localhost", "127.0.0.1", "::1"});
  CHECK(made.certificate.starts_with("-----BEGIN CERTIFICATE-----"));
  CHECK(made.key.starts_with("-----BEGIN PRIVATE KEY-----"));
  CHECK(fingerprint(made.certificate) != Digest{});
  CHECK(fingerprint(make_self_signed({"localhost"}).certificate) != fingerprint(made.certificate));
  CHECK(fingerprint("nothing") == Digest{});
  CHECK_THROWS(make_self_signed({}));
  CHECK_THROWS(make_self_signed({"a,DNS:evil.example"}));
}

}  // namespace
}  // namespace sealpost::net
