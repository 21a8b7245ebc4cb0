#include "admin_fixture.h"

#include <Poco/JSON/Parser.h>
#include <Poco/Net/Context.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/HTTPSClientSession.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <Poco/StreamCopier.h>
#include <unistd.h>

#include <fstream>

#include "region/clock.h"
#include "security/certificate.h"

namespace regent::test {
namespace {

Authority new_authority() {
  return Authority::create("shop", Validity::days_from_now(2)).value();
}

Poco::Net::Context::Ptr client_context(const Caller& caller) {
  Poco::Net::Context::Params params;
  params.verificationMode = Poco::Net::Context::VERIFY_NONE;
  params.certificateFile = caller.certificate;
  params.privateKeyFile = caller.key;
  return new Poco::Net::Context(Poco::Net::Context::TLS_CLIENT_USE, params);
}

RegionStatus region(const std::string& name, Outcome outcome) {
  RegionStatus region;
  region.name = name;
  region.weight = 1;
  region.outcome = outcome;
  region.node_weight = outcome == Outcome::won ? 4 : 0;
  region.node_needed = 3;
  region.node_total = 4;
  const bool up = outcome == Outcome::won;
  region.nodes = {{"n1", 1, up, true, 7, "us-east"}, {"n2", 3, up, true, 7, ""}};
  return region;
}

}  // namespace

GatewayStatus primary_status() {
  GatewayStatus status;
  status.cluster = "shop";
  status.region = "us-east";
  status.gateway = "gw1";
  status.taken = boot_now();
  status.role = Role::primary;
  status.epoch = 7;
  status.primary = "us-east";
  status.serving = true;
  status.lease_end = boot_now() + std::chrono::minutes(1);
  status.quorum.kind = "hierarchical";
  status.quorum.outcome = Outcome::won;
  status.quorum.weight = 2;
  status.quorum.needed = 2;
  status.quorum.total = 3;
  status.quorum.margin = 0;
  status.quorum.regions = {region("eu", Outcome::lost), region("us-east", Outcome::won),
                           region("us-west", Outcome::won)};
  status.links = {{"eu", "gw1", "down", -1, -1, true, true, false, {}, ""},
                  {"us-west", "gw1", "up", 81.23, 120, true, true, true, {}, ""}};
  status.services = {{"orders", 1, {{"127.0.0.1:9000", true}, {"127.0.0.1:9001", false}}}};
  status.topology_version = 3;
  status.topology_hash = "sha256:abcd";
  status.quorum_hash = "sha256:ef01";
  status.route_cache_state = "up";
  status.route_cache_epoch = 7;
  status.primary_gateways = {{"orders", {"127.0.1.10:8080", "127.0.1.11:8080"}}};
  return status;
}

GatewayStatus no_primary_status() {
  GatewayStatus status = primary_status();
  status.role = Role::isolated;
  status.primary.clear();
  status.serving = false;
  status.lease_end = Instant::min();
  status.quorum.outcome = Outcome::lost;
  status.quorum.weight = 1;
  status.quorum.margin = -1;
  status.primary_gateways.clear();
  return status;
}

std::shared_ptr<const GatewayStatus> FakeControl::status() const {
  std::scoped_lock lock(mutex_);
  return std::make_shared<const GatewayStatus>(status_);
}

SwitchoverReply FakeControl::switchover(const std::string& to, Duration timeout) {
  std::function<SwitchoverReply(const std::string&, Duration)> action;
  {
    std::scoped_lock lock(mutex_);
    ++switchovers_;
    action = action_;
  }
  return action(to, timeout);
}

FaultReply FakeControl::order_faults(const FaultOrder& order) {
  std::function<FaultReply(const FaultOrder&)> action;
  {
    std::scoped_lock lock(mutex_);
    action = faults_;
  }
  if (action) return action(order);
  return {FaultReply::Kind::done, "", "", {true, true, order, boot_now() + order.length, ""}};
}

FaultReply FakeControl::end_faults(const std::string& client) {
  std::scoped_lock lock(mutex_);
  ++fault_ends_;
  return {FaultReply::Kind::done, "", "", {true, false, {}, Instant::min(), client}};
}

void FakeControl::on_faults(std::function<FaultReply(const FaultOrder&)> action) {
  std::scoped_lock lock(mutex_);
  faults_ = std::move(action);
}

int FakeControl::fault_ends() const {
  std::scoped_lock lock(mutex_);
  return fault_ends_;
}

void FakeControl::show(GatewayStatus status) {
  std::scoped_lock lock(mutex_);
  status_ = std::move(status);
}

void FakeControl::on_switchover(
    std::function<SwitchoverReply(const std::string&, Duration)> action) {
  std::scoped_lock lock(mutex_);
  action_ = std::move(action);
}

Result<FakeControl::PauseOrder> FakeControl::set_paused(bool paused) {
  std::function<Result<PauseOrder>(bool)> action;
  {
    std::scoped_lock lock(mutex_);
    ++pause_orders_;
    action = set_paused_;
    if (!action) {
      status_.pause = {status_.pause.version + 1, paused};
      return PauseOrder{status_.pause, true};
    }
  }
  return action(paused);
}

void FakeControl::on_set_paused(std::function<Result<PauseOrder>(bool)> action) {
  std::scoped_lock lock(mutex_);
  set_paused_ = std::move(action);
}

int FakeControl::pause_orders() const {
  std::scoped_lock lock(mutex_);
  return pause_orders_;
}

int FakeControl::switchovers() const {
  std::scoped_lock lock(mutex_);
  return switchovers_;
}

CertificateFolderFixture::CertificateFolderFixture()
    : authority(new_authority()), stranger(new_authority()) {
  std::string pattern = (std::filesystem::temp_directory_path() / "regent-certs-XXXXXX").string();
  dir_ = mkdtemp(pattern.data());
  std::ofstream(file("ca.crt")) << authority.certificate_pem();
  issue(authority, "us-east.gw1", gateway);
  issue(authority, "operator", {"shop", IdentityRole::operator_, "", ""});
}

CertificateFolderFixture::~CertificateFolderFixture() {
  std::filesystem::remove_all(dir_);
}

void CertificateFolderFixture::issue(const Authority& by, const std::string& name,
                                     const Identity& identity, const Validity& validity) const {
  const CertificatePair pair = by.issue(identity, {"127.0.0.1"}, validity).value();
  for (const auto& [suffix, text] : {std::pair{".crt", pair.certificate}, {".key", pair.key}}) {
    const std::string path = file(name + suffix);
    std::ofstream(path + ".new") << text;
    std::filesystem::permissions(
        path + ".new", std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    std::filesystem::rename(path + ".new", path);
  }
}

AdminTest::AdminTest() {
  control_.on_switchover([](const std::string&, Duration) { return SwitchoverReply{}; });
}

void AdminTest::SetUp() {
  auto loaded = Credentials::load(credential_files(certs_.dir(), certs_.gateway), certs_.gateway);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  credentials_ = std::move(loaded.value());
  api_ = std::make_unique<AdminApi>(control_, [](const GatewayStatus& status) {
    return "epoch " + std::to_string(status.epoch);
  });
  auto started = AdminServer::start("127.0.0.1", 0, *credentials_, *api_);
  ASSERT_TRUE(started.ok()) << started.error().message;
  server_ = std::move(started.value());
}

Caller AdminTest::caller(const std::string& name) const {
  return {certs_.file(name + ".crt"), certs_.file(name + ".key")};
}

HttpAnswer AdminTest::ask(const std::string& method, const std::string& path,
                          const std::string& body, const Caller& as,
                          const std::map<std::string, std::string>& headers) const {
  Poco::Net::HTTPSClientSession session("127.0.0.1", server_->port(), client_context(as));
  Poco::Net::HTTPRequest request(method, path, Poco::Net::HTTPRequest::HTTP_1_1);
  for (const auto& [name, value] : headers) request.set(name, value);
  if (!body.empty()) request.setContentLength(static_cast<std::streamsize>(body.size()));
  session.sendRequest(request) << body << std::flush;
  Poco::Net::HTTPResponse response;
  HttpAnswer answer;
  Poco::StreamCopier::copyToString(session.receiveResponse(response), answer.body);
  answer.code = response.getStatus();
  answer.content_type = response.getContentType();
  answer.allow = response.get("Allow", "");
  try {
    answer.json = Poco::JSON::Parser().parse(answer.body).extract<Poco::JSON::Object::Ptr>();
  } catch (const std::exception&) {
    answer.json = nullptr;
  }
  return answer;
}

std::string AdminTest::ask_raw(const std::string& bytes) const {
  Poco::Net::SecureStreamSocket socket(Poco::Net::SocketAddress("127.0.0.1", server_->port()),
                                       client_context(Caller::anonymous()));
  socket.setReceiveTimeout(Poco::Timespan(60, 0));
  std::string got;
  try {
    socket.sendBytes(bytes.data(), static_cast<int>(bytes.size()));
    char buffer[4096];
    for (int n; (n = socket.receiveBytes(buffer, sizeof buffer)) > 0;) {
      got.append(buffer, static_cast<std::size_t>(n));
    }
  } catch (const Poco::TimeoutException&) {
    throw;
  } catch (const Poco::Exception&) {
    // Closed without a TLS goodbye.
  }
  return got;
}

void AdminTest::trickle() const {
  Poco::Net::SecureStreamSocket socket(Poco::Net::SocketAddress("127.0.0.1", server_->port()),
                                       client_context(Caller::anonymous()));
  const std::string begin = "GET /livez HTTP/1.1\r\nX: ";
  socket.sendBytes(begin.data(), static_cast<int>(begin.size()));
  while (true) {
    socket.sendBytes("a", 1);
    if (socket.poll(Poco::Timespan(0, 100'000), Poco::Net::Socket::SELECT_READ)) {
      char byte = 0;
      if (socket.receiveBytes(&byte, 1) <= 0) throw Poco::IOException("closed");
    }
  }
}

std::string AdminTest::shown_fingerprint() const {
  Poco::Net::SecureStreamSocket socket(Poco::Net::SocketAddress("127.0.0.1", server_->port()),
                                       client_context(Caller::anonymous()));
  return certificate_fingerprint(certificate_der(socket.peerCertificate().certificate()));
}

}  // namespace regent::test
