#include "security/server_certificates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/security/browser.h"
#include "tests/unit/security/test_certificates.h"

namespace regent {
namespace {

using test::Browser;
using testing::AllOf;
using testing::HasSubstr;

const std::string kBothProtocols = "\x02h2\x08http/1.1";

class ServerCertificatesTest : public testing::Test {
 protected:
  // A new pair for these names in NAME.crt and NAME.key; returns the certificate's DER form.
  std::string put(const std::string& name, const std::vector<std::string>& hosts,
                  const Validity& validity = Validity::days_from_now(1)) {
    const auto pair = authority_.issue({name, {}, hosts, validity}).value();
    folder_.put(name + ".key", pair.key);
    folder_.put(name + ".crt", pair.certificate + authority_.certificate_pem());
    return certificate_der(test::certificate_of(pair).get());
  }
  ServerCertificateFiles files(const std::string& name) const {
    return {folder_.path(name + ".crt"), folder_.path(name + ".key")};
  }
  std::unique_ptr<ServerCertificates> serve(const std::vector<std::string>& names,
                                            const std::string& service = "orders") {
    std::vector<ServerCertificateFiles> all;
    for (const std::string& name : names) all.push_back(files(name));
    auto loaded = ServerCertificates::load(all, {service, {"h2", "http/1.1"}, tickets_});
    CHECK(loaded.ok());
    return std::move(*loaded);
  }
  std::string error_with(const std::string& cert, const std::string& key) const {
    const auto loaded = ServerCertificates::load({{folder_.path(cert), folder_.path(key)}},
                                                 {"orders", {}, tickets_});
    return loaded.ok() ? "" : loaded.error().message;
  }
  const Authority authority_ = test::make_authority();
  const test::TemporaryFolder folder_;
  const Instant start_{std::chrono::hours(100)};
  const std::shared_ptr<TicketKeys> tickets_ = std::make_shared<TicketKeys>(start_);
};

TEST_F(ServerCertificatesTest, ServesTls12And13AndNothingOlder) {
  const std::string shown = put("shop", {"shop.example"});
  const auto service = serve({"shop"});
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Browser client(service->context(), {version, "shop.example"});
    ASSERT_TRUE(client.open());
    EXPECT_TRUE(client.send("GET /"));
    EXPECT_EQ(client.at_server, "GET /");
    EXPECT_EQ(client.certificate(), shown);
    EXPECT_EQ(sk_X509_num(SSL_get_peer_cert_chain(client.ssl.get())), 2);
    EXPECT_FALSE(client.server.peer().has_value());
  }
  const Browser old(service->context(), {TLS1_1_VERSION, "shop.example"});
  EXPECT_FALSE(old.open());
  ASSERT_FALSE(old.server_status.ok());
  EXPECT_THAT(old.server_status.error().message, HasSubstr("no TLS version"));
}

TEST_F(ServerCertificatesTest, Tls12TakesForwardSecretAeadSuitesOnly) {
  put("shop", {});
  const auto service = serve({"shop"});
  const auto opens = [&](const std::string& suite) {
    Browser::Wish wish{TLS1_2_VERSION};
    wish.ciphers = suite;
    return Browser(service->context(), wish).open();
  };
  EXPECT_TRUE(opens("ECDHE-ECDSA-AES128-GCM-SHA256"));
  EXPECT_TRUE(opens("ECDHE-ECDSA-CHACHA20-POLY1305"));
  EXPECT_FALSE(opens("ECDHE-ECDSA-AES128-SHA256"));
  EXPECT_FALSE(opens("ECDHE-ECDSA-AES256-SHA"));
  EXPECT_FALSE(opens("ECDHE-ECDSA-AES128-CCM"));
}

TEST_F(ServerCertificatesTest, ChoosesTheCertificateByTheNamedServer) {
  const std::string first = put("first", {"shop.example", "www.shop.example"});
  const std::string second = put("second", {"*.api.example", "Other.Example"});
  const std::string third = put("third", {"other.example", "v1.api.example", "192.0.2.7"});
  const auto service = serve({"first", "second", "third"});
  const auto shown = [&](const std::string& name, int version = TLS1_3_VERSION) {
    return Browser(service->context(), {version, name}).certificate();
  };
  EXPECT_EQ(shown("shop.example"), first);
  EXPECT_EQ(shown("x.api.example"), second);
  EXPECT_EQ(shown("X.API.example", TLS1_2_VERSION), second);
  EXPECT_EQ(shown("v1.api.example"), third);  // the exact name goes before the wildcard
  EXPECT_EQ(shown("other.example"), second);  // the first that is for it
  // A wildcard is one label, not none and not two; nobody is left without a certificate.
  EXPECT_EQ(shown("api.example"), first);
  EXPECT_EQ(shown("y.x.api.example"), first);
  EXPECT_EQ(shown("unknown.example"), first);
  EXPECT_EQ(shown("*.api.example"), second);
  EXPECT_EQ(shown(""), first);
}

TEST_F(ServerCertificatesTest, AgreesOnAnApplicationProtocol) {
  put("shop", {});
  const auto service = serve({"shop"});
  const auto agreed = [&](const std::string& offered) {
    Browser::Wish wish;
    wish.protocols = offered;
    Browser client(service->context(), wish);
    if (!client.open()) return std::string("refused");
    EXPECT_EQ(client.protocol(), client.server.protocol());
    return client.protocol();
  };
  EXPECT_EQ(agreed(""), "");
  EXPECT_EQ(agreed("\x08http/1.1"), "http/1.1");
  EXPECT_EQ(agreed("\x08http/1.1\x02h2"), "h2");  // by our preference
  EXPECT_EQ(agreed(kBothProtocols), "h2");
  EXPECT_EQ(agreed("\x06imap/4"), "refused");
}

TEST_F(ServerCertificatesTest, ResumesSessions) {
  put("shop", {"shop.example"});
  const auto service = serve({"shop"});
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const bool tickets : {true, false}) {
      // TLS 1.3 knows tickets only.
      if (version == TLS1_3_VERSION && !tickets) continue;
      Browser::Wish wish{version, "shop.example"};
      wish.tickets = tickets;
      const Browser first(service->context(), wish);
      ASSERT_TRUE(first.open());
      EXPECT_FALSE(first.resumed());
      const auto session = first.session();
      EXPECT_EQ(SSL_SESSION_has_ticket(session.get()), tickets ? 1 : 0);
      EXPECT_EQ(SSL_SESSION_get_max_early_data(session.get()), 0U);
      wish.session = session.get();
      Browser second(service->context(), wish);
      ASSERT_TRUE(second.open());
      EXPECT_TRUE(second.resumed()) << version << (tickets ? " by ticket" : " by number");
      EXPECT_TRUE(second.send("GET /"));
      EXPECT_EQ(second.at_server, "GET /");
    }
  }
}

TEST_F(ServerCertificatesTest, SharesTicketsAmongContextsOfOneServiceOnly) {
  put("shop", {});
  const auto here = serve({"shop"});
  const auto there = serve({"shop"});
  const auto other = serve({"shop"}, "stock");
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto session = Browser(here->context(), {version}).session();
    Browser::Wish wish{version};
    wish.session = session.get();
    EXPECT_TRUE(Browser(there->context(), wish).resumed());
    const Browser stranger(other->context(), wish);
    EXPECT_TRUE(stranger.open());
    EXPECT_FALSE(stranger.resumed());
  }
}

TEST_F(ServerCertificatesTest, TicketsAreForgottenWithTheirKeys) {
  put("shop", {});
  const auto service = serve({"shop"});
  const auto session = Browser(service->context(), {}).session();
  Browser::Wish wish;
  wish.session = session.get();
  const auto after = [&](int hours) {
    tickets_->rotate_if_due(start_ + std::chrono::hours(hours));
    const Browser client(service->context(), wish);
    EXPECT_TRUE(client.open());
    return client.resumed();
  };
  EXPECT_TRUE(after(0));
  EXPECT_TRUE(after(1));
  EXPECT_TRUE(after(2));
  EXPECT_FALSE(after(3));
}

TEST_F(ServerCertificatesTest, AnOldKeyIsForgottenAlsoAfterASleep) {
  put("shop", {});
  const auto service = serve({"shop"});
  const auto session = Browser(service->context(), {}).session();
  Browser::Wish wish;
  wish.session = session.get();
  tickets_->rotate_if_due(start_ + std::chrono::hours(9));
  EXPECT_FALSE(Browser(service->context(), wish).resumed());
}

TEST_F(ServerCertificatesTest, RenewsUnderOpenConnections) {
  const std::string old = put("shop", {"shop.example"});
  const auto service = serve({"shop"});
  EXPECT_TRUE(service->reload_if_changed().loaded.empty());
  Browser before(service->context(), {});
  const auto session = before.session();
  EXPECT_EQ(before.certificate(), old);

  const std::string renewed = put("shop", {"shop.example"});
  const auto reload = service->reload_if_changed();
  ASSERT_EQ(reload.loaded.size(), 1U);
  EXPECT_EQ(reload.loaded[0]->file, files("shop").cert);
  EXPECT_TRUE(reload.failed.empty());
  EXPECT_EQ(Browser(service->context(), {}).certificate(), renewed);
  // A session of the old certificate would hide the new one.
  Browser::Wish wish;
  wish.session = session.get();
  const Browser again(service->context(), wish);
  EXPECT_FALSE(again.resumed());
  EXPECT_EQ(again.certificate(), renewed);
  // The connection that was open goes on.
  EXPECT_TRUE(before.send("still here"));
  EXPECT_EQ(before.at_server, "still here");
  EXPECT_TRUE(service->reload_if_changed().loaded.empty());
}

TEST_F(ServerCertificatesTest, KeepsWhatIsInUseWhenNewFilesAreBroken) {
  const std::string first = put("first", {"first.example"});
  put("second", {"second.example"});
  const auto service = serve({"first", "second"});
  const auto good = authority_.issue({"first", {}, {}, Validity::days_from_now(1)}).value();

  folder_.put("first.crt", good.certificate);  // its key is still to come
  const std::string second = put("second", {"second.example"});
  auto reload = service->reload_if_changed();
  ASSERT_EQ(reload.failed.size(), 1U);
  EXPECT_THAT(reload.failed[0].message,
              AllOf(HasSubstr("first.key: is not the key"), HasSubstr("first.crt")));
  ASSERT_EQ(reload.loaded.size(), 1U);  // the other one does not wait for it
  EXPECT_EQ(Browser(service->context(), {TLS1_3_VERSION, "first.example"}).certificate(), first);
  EXPECT_EQ(Browser(service->context(), {TLS1_3_VERSION, "second.example"}).certificate(), second);
  EXPECT_TRUE(service->reload_if_changed().failed.empty());  // said once

  folder_.put("first.crt", "-----BEGIN CERTIFICATE-----\nMIIB");
  reload = service->reload_if_changed();
  ASSERT_EQ(reload.failed.size(), 1U);
  EXPECT_THAT(reload.failed[0].message, HasSubstr("first.crt"));
  put("first", {}, test::expired());
  reload = service->reload_if_changed();
  ASSERT_EQ(reload.failed.size(), 1U);
  EXPECT_THAT(reload.failed[0].message,
              AllOf(HasSubstr("first.crt: the certificate expired on"), HasSubstr("renewed")));
  put("first", {}, test::not_yet_valid());
  reload = service->reload_if_changed();
  ASSERT_EQ(reload.failed.size(), 1U);
  EXPECT_THAT(reload.failed[0].message, HasSubstr("check this machine's clock"));
  EXPECT_EQ(Browser(service->context(), {}).certificate(), first);

  folder_.put("first.crt", good.certificate);
  folder_.put("first.key", good.key);
  EXPECT_EQ(service->reload_if_changed().loaded.size(), 1U);
}

TEST_F(ServerCertificatesTest, ErrorsNameTheFileAndWhatToDo) {
  put("a", {});
  put("b", {});
  const auto pair = authority_.issue({"a", {}, {}, Validity::days_from_now(1)}).value();
  folder_.put("open.crt", pair.certificate);
  folder_.put("open.key", pair.key, 0644);
  folder_.put("text", "hello");
  EXPECT_EQ(error_with("a.crt", "a.key"), "");
  EXPECT_THAT(error_with("none", "a.key"),
              AllOf(HasSubstr("/none: does not exist; put"), HasSubstr("in place")));
  EXPECT_THAT(error_with("a.crt", "none"), HasSubstr("/none: does not exist; put"));
  EXPECT_THAT(error_with("text", "a.key"), AllOf(HasSubstr("/text"), HasSubstr("no certificate")));
  EXPECT_THAT(error_with("a.crt", "text"), HasSubstr("/text: holds no private key"));
  EXPECT_THAT(error_with("a.crt", "b.key"), AllOf(HasSubstr("/b.key"), HasSubstr("/a.crt")));
  EXPECT_THAT(error_with("open.crt", "open.key"), HasSubstr("chmod 600"));
}

TEST_F(ServerCertificatesTest, SaysWhenACertificateIsNotValid) {
  put("old", {}, test::expired());
  put("new", {});
  const auto service = serve({"old", "new"});
  const auto now = std::chrono::system_clock::now();
  const auto all = service->current();
  ASSERT_EQ(all.size(), 2U);
  ASSERT_FALSE(all[0]->valid_at(now).ok());
  EXPECT_THAT(all[0]->valid_at(now).error().message,
              AllOf(HasSubstr("/old.crt"), HasSubstr("expired on")));
  EXPECT_TRUE(all[1]->valid_at(now).ok());
  EXPECT_LT(all[0]->not_after, now);
  EXPECT_GT(all[1]->not_after, now);
}

}  // namespace
}  // namespace regent
