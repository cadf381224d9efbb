// Clients that show certificates when TLS begins.

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "net/authority.hpp"
#include "net/network.hpp"

namespace sealpost::net {
namespace {

// A blocking client of TLS 1.3 or 1.2, with or without a certificate.
class TlsClient {
 public:
  TlsClient(std::uint16_t port, const Folder& folder, const Certificate* own, int version = TLS1_3_VERSION)
      : raw_(port), context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_max_proto_version(context_, version);
    if (own) {
      const auto certificate = folder.write("client.pem", own->certificate), key = folder.write("client.key", own->key);
      REQUIRE(SSL_CTX_use_certificate_chain_file(context_, certificate.c_str()) == 1);
      REQUIRE(SSL_CTX_use_PrivateKey_file(context_, key.c_str(), SSL_FILETYPE_PEM) == 1);
    }
    tls_ = SSL_new(context_);
    SSL_set_fd(tls_, raw_.descriptor());
    ERR_clear_error();
    if (SSL_connect(tls_) != 1) early_ = alert();  // TLS 1.3 goes on until the server has judged the certificate
  }
  ~TlsClient() {
    SSL_free(tls_);
    SSL_CTX_free(context_);
  }
  TlsClient(const TlsClient&) = delete;

  // Of the alert by which the server refuses, also after what this has sent; 0: it sent `text`, and no alert came.
  int alert_after(std::string_view text) {
    if (early_ != 0) return early_;
    char byte = 0;
    ERR_clear_error();
    SSL_write(tls_, text.data(), static_cast<int>(text.size()));
    return SSL_read(tls_, &byte, 1) == 1 ? 0 : alert();
  }

 private:
  // Of this thread's last failure; -1: it ended otherwise.
  static int alert() {
    const int reason = ERR_GET_REASON(ERR_peek_error());
    return reason > SSL_AD_REASON_OFFSET ? reason - SSL_AD_REASON_OFFSET : -1;
  }

  RawClient raw_;
  SSL_CTX* context_;
  SSL* tls_ = nullptr;
  int early_ = 0;
};

struct Asking {
  explicit Asking(ClientCertificates asked, bool tls12 = false)
      : authority_file(folder.write("authority.pem", authority.certificate())) {
    const TestCertificate own(folder);
    TlsOptions tls = own.files;
    tls.clients = asked;
    tls.client_ca = authority_file;
    tls.allow_tls12 = tls12;
    context = std::make_shared<TlsContext>(tls, network.log);
    ListenerOptions options;
    options.tls = context;
    served = serve(network, folder, Scheme::mqtts, accepted, options);
    // serve() has written a certificate of its own over the files.
    folder.write("cert.pem", own.pem.certificate);
    folder.write("key.pem", own.pem.key);
  }
  // Of the alert; 0: let in.
  int alert(const Certificate* own, int version = TLS1_3_VERSION) {
    TlsClient client(served.listener->port(), folder, own, version);
    auto greeted = std::async(std::launch::async, [&] { return client.alert_after("hello"); });
    while (greeted.wait_for(1ms) != std::future_status::ready) {
      if (accepted.waiting() == 0) continue;
      peer = accepted.next();
      peer->send(std::string("!"));
    }
    return greeted.get();
  }
  bool said(const std::string& part) {
    UNSCOPED_INFO(network.log.text());
    return eventually([&] { return network.log.count(part) > 0; });
  }

  Network network;
  Folder folder;
  Accepted accepted;
  Authority authority{"Clients of the house"};
  std::filesystem::path authority_file;
  std::shared_ptr<TlsContext> context;
  Served served;
  std::shared_ptr<Channel> peer;
};

TEST_CASE("who shows a certificate of the authority is let in, and known by its name") {
  Asking asking(GENERATE(ClientCertificates::optional, ClientCertificates::required), true);
  const Certificate good = asking.authority.certify("sensor-7");
  CHECK(asking.alert(&good, GENERATE(TLS1_3_VERSION, TLS1_2_VERSION)) == 0);
  REQUIRE(asking.peer);
  CHECK(asking.peer->peer().certified);
  CHECK(asking.peer->peer().certificate_name == "sensor-7");
  CHECK(asking.network.await(read_from(asking.peer, 5)) == "hello");
}

TEST_CASE("who shows none is let in where it is optional, and refused where it is required") {
  Asking lenient(ClientCertificates::optional);
  CHECK(lenient.alert(nullptr) == 0);
  CHECK_FALSE(lenient.peer->peer().certified);
  CHECK(lenient.peer->peer().certificate_name.empty());

  Asking strict(ClientCertificates::required, true);
  CHECK(strict.alert(nullptr) == SSL_AD_CERTIFICATE_REQUIRED);
  CHECK(strict.alert(nullptr, TLS1_2_VERSION) == SSL_AD_HANDSHAKE_FAILURE);
  CHECK(strict.said("test: 127.0.0.1: the TLS handshake failed: peer did not return a certificate"));
  CHECK(strict.network.counters.tls_refused_total.value() == 2);
  CHECK(strict.accepted.waiting() == 0);
}

TEST_CASE("where none is asked for, none is seen") {
  Asking asking(ClientCertificates::none);
  const Certificate good = asking.authority.certify("sensor-7");
  CHECK(asking.alert(&good) == 0);
  CHECK_FALSE(asking.peer->peer().certified);
  CHECK(asking.peer->peer().certificate_name.empty());
}

TEST_CASE("a certificate that is not good is refused, with the alert that says why, and a line that does too") {
  Asking asking(GENERATE(ClientCertificates::optional, ClientCertificates::required));
  const auto refused = [&](const Certificate& shown, int alert, const std::string& line) {
    CHECK(asking.alert(&shown) == alert);
    CHECK(asking.said("the peer's certificate: " + line));
  };
  refused(asking.authority.certify("late", -60), SSL_AD_CERTIFICATE_EXPIRED, "certificate has expired");
  refused(Authority("Others").certify("alien"), SSL_AD_UNKNOWN_CA, "unable to get local issuer certificate");
  refused(Authority("Clients of the house").certify("forged"), SSL_AD_DECRYPT_ERROR, "certificate signature failure");
  refused(make_self_signed({"sensor-7"}), SSL_AD_UNKNOWN_CA, "self-signed certificate");
  const Certificate of_server = asking.authority.certify("web", 86'400, "serverAuth");
  refused(of_server, SSL_AD_UNSUPPORTED_CERTIFICATE, "unsuitable certificate purpose");
  CHECK(asking.accepted.waiting() == 0);
  CHECK_FALSE(asking.peer);
}

TEST_CASE("a common name that is no short line of text is none") {
  Asking asking(ClientCertificates::required);
  for (const std::string& name : {std::string("two\nlines"), std::string("cut\0off", 7), std::string()}) {
    const Certificate odd = asking.authority.certify(name);
    CHECK(asking.alert(&odd) == 0);
    CHECK(asking.peer->peer().certified);
    CHECK(asking.peer->peer().certificate_name.empty());
  }
  const Certificate far = asking.authority.certify("m\xc3\xbcller");
  CHECK(asking.alert(&far) == 0);
  CHECK(asking.peer->peer().certificate_name == "m\xc3\xbcller");
}

TEST_CASE("a reload takes up another authority, and a bad one keeps the old and says so") {
  Asking asking(ClientCertificates::required);
  const Authority next("The next authority");
  const Certificate old_client = asking.authority.certify("old"), new_client = next.certify("new");
  CHECK(asking.alert(&new_client) == SSL_AD_UNKNOWN_CA);
  CHECK(asking.alert(&old_client) == 0);
  const std::shared_ptr<Channel> before = asking.peer;

  for (const std::string rubbish :
       {"", "no PEM", "-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n"}) {
    asking.folder.write("authority.pem", rubbish);
    CHECK_FALSE(asking.context->reload());
  }
  CHECK(asking.network.log.count(asking.authority_file.string()) == 3);
  CHECK(asking.network.log.count("What is in use stays") == 3);
  CHECK(asking.alert(&old_client) == 0);

  asking.folder.write("authority.pem", next.certificate());
  CHECK(asking.context->reload());
  CHECK(asking.alert(&new_client) == 0);
  CHECK(asking.peer->peer().certificate_name == "new");
  CHECK(asking.alert(&old_client) == SSL_AD_UNKNOWN_CA);
  CHECK(before->peer().certificate_name == "old");
}

TEST_CASE("an authority that cannot be read is named at the start, with what to do") {
  Folder folder;
  LogLines log;
  TlsOptions options = TestCertificate(folder).files;
  options.clients = ClientCertificates::required;
  CHECK_THROWS_WITH(TlsContext(options, log), Catch::Contains("set client_ca"));
  options.client_ca = folder / "missing.pem";
  CHECK_THROWS_WITH(TlsContext(options, log), Catch::Contains("missing.pem") && Catch::Contains("Check the path"));
  options.client_ca = folder.write("rubbish.pem", "no PEM");
  CHECK_THROWS_WITH(TlsContext(options, log), Catch::Contains("rubbish.pem") && Catch::Contains("should be PEM"));
}

}  // namespace
}  // namespace sealpost::net
