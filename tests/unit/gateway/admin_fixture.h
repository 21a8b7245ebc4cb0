#pragma once

#include <Poco/JSON/Object.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "gateway/admin_api.h"
#include "gateway/admin_server.h"
#include "gateway/status.h"
#include "security/authority.h"
#include "security/credentials.h"

namespace regent::test {

// Gateway us-east.gw1 of cluster shop, holding a lease for another minute.
GatewayStatus primary_status();
// The same while nobody is primary.
GatewayStatus no_primary_status();

// A control thread that says what the test told it to.
class FakeControl : public ControlPort {
 public:
  std::shared_ptr<const GatewayStatus> status() const override;
  SwitchoverReply switchover(const std::string& to, Duration timeout) override;
  Result<PauseOrder> set_paused(bool paused) override;

  FaultReply order_faults(const FaultOrder& order) override;
  FaultReply end_faults(const std::string& client) override;

  void show(GatewayStatus status);
  void on_switchover(std::function<SwitchoverReply(const std::string&, Duration)> action);
  int switchovers() const;
  // What becomes of a pause or resume; it may call show(). By default the switch moves on.
  void on_set_paused(std::function<Result<PauseOrder>(bool)> action);
  int pause_orders() const;
  // What becomes of an order of faults; by default it runs.
  void on_faults(std::function<FaultReply(const FaultOrder&)> action);
  int fault_ends() const;

 private:
  mutable std::mutex mutex_;
  GatewayStatus status_ = primary_status();
  std::function<SwitchoverReply(const std::string&, Duration)> action_;
  int switchovers_ = 0;
  std::function<Result<PauseOrder>(bool)> set_paused_;
  int pause_orders_ = 0;
  std::function<FaultReply(const FaultOrder&)> faults_;
  int fault_ends_ = 0;
};

// A certificate folder as `regent certs create` lays it out, removed at the end.
class CertificateFolderFixture {
 public:
  CertificateFolderFixture();
  ~CertificateFolderFixture();
  CertificateFolderFixture(const CertificateFolderFixture&) = delete;
  CertificateFolderFixture& operator=(const CertificateFolderFixture&) = delete;

  // Writes NAME.crt and NAME.key.
  void issue(const Authority& authority, const std::string& name, const Identity& identity,
             const Validity& validity = Validity::days_from_now(1)) const;
  std::string dir() const { return dir_.string(); }
  std::string file(const std::string& name) const { return (dir_ / name).string(); }

  Authority authority;
  Authority stranger;  // an authority nobody trusts
  const Identity gateway{"shop", IdentityRole::gateway, "us-east", "gw1"};

 private:
  std::filesystem::path dir_;
};

// Who a test client says it is.
struct Caller {
  std::string certificate;  // file; "": shows none
  std::string key;
  static Caller anonymous() { return {}; }
};

struct HttpAnswer {
  int code = 0;
  std::string content_type;
  std::string allow;
  std::string body;
  Poco::JSON::Object::Ptr json;  // null when the body is not an object
};

// The admin API on a free port of 127.0.0.1 over real TLS, in front of a FakeControl.
class AdminTest : public ::testing::Test {
 protected:
  AdminTest();
  void SetUp() override;

  Caller caller(const std::string& name) const;  // with the folder's NAME.crt and NAME.key
  HttpAnswer ask(const std::string& method, const std::string& path, const std::string& body = "",
                 const Caller& as = Caller::anonymous(),
                 const std::map<std::string, std::string>& headers = {}) const;
  // Sends bytes over TLS and returns what comes back until the server closes.
  std::string ask_raw(const std::string& bytes) const;
  // Sends a request head that never ends, byte by byte; throws when the server has cut it off.
  void trickle() const;
  // Fingerprint of the certificate the server shows to a new connection.
  std::string shown_fingerprint() const;

  CertificateFolderFixture certs_;
  FakeControl control_;
  std::unique_ptr<Credentials> credentials_;
  std::unique_ptr<AdminApi> api_;
  std::unique_ptr<AdminServer> server_;
};

}  // namespace regent::test
