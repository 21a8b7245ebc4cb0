#include "gateway/cli/admin_client.h"

#include <Poco/JSON/Parser.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/HTTPSClientSession.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

#include "gateway/cli/cli.h"
#include "region/resolver.h"
#include "security/certificate.h"
#include "topology/load.h"

namespace regent::cli {
namespace {

Poco::Timespan to_timespan(Duration duration) {
  return Poco::Timespan(std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
}

// Why the server's certificate was refused, in the context's application data. POCO's own
// exceptions only say that it was.
int remember_reason(int good, X509_STORE_CTX* store) {
  if (good == 1) return 1;
  auto* ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* reason = static_cast<std::string*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  if (reason != nullptr) {
    *reason = verify_failure_text(store);
  }
  return 0;
}

// Whose certificate lies in the folder as the operator's; its cluster is what we expect to meet.
Result<Identity> operator_identity(const std::string& dir) {
  std::ifstream file(dir + "/operator.crt");
  std::stringstream text;
  text << file.rdbuf();
  if (!file) {
    return Error{ErrorCode::io, dir +
                                    "/operator.crt cannot be read; this needs the operator's "
                                    "certificate"};
  }
  const auto certificates = certificates_from_pem(text.str());
  if (!certificates.ok()) return certificates.error();
  return identity_of(certificates->front().get());
}

Status check_gateway(const Poco::Net::SecureStreamSocket& socket, const std::string& cluster,
                     Identity& gateway) {
  const auto identity = identity_of(socket.peerCertificate().certificate());
  if (!identity.ok()) return identity.error();
  if (identity->role != IdentityRole::gateway) {
    return Error{ErrorCode::refused, identity->uri() + " answers there, which is no gateway"};
  }
  if (!cluster.empty() && identity->cluster != cluster) {
    return Error{ErrorCode::refused,
                 identity->uri() + " answers there, which is not of cluster " + cluster};
  }
  gateway = identity.value();
  return Done{};
}

// Looks at who answers before anything is asked.
class GatewaySession : public Poco::Net::HTTPSClientSession {
 public:
  GatewaySession(const Poco::Net::SocketAddress& address, const Poco::Net::Context::Ptr& tls,
                 std::string cluster)
      : HTTPSClientSession(address.host().toString(), address.port(), tls),
        cluster_(std::move(cluster)) {}

  const Identity& gateway() const { return gateway_; }
  const Status& checked() const { return checked_; }

 protected:
  void connect(const Poco::Net::SocketAddress& address) override {
    HTTPSClientSession::connect(address);
    checked_ = check_gateway(Poco::Net::SecureStreamSocket(socket()), cluster_, gateway_);
    if (!checked_.ok()) throw Poco::Net::NetException("not the gateway meant");
  }

 private:
  const std::string cluster_;
  Identity gateway_;
  Status checked_ = Done{};
};

Result<std::string> read_answer(std::istream& stream) {
  std::string text;
  char buffer[16 * 1024];
  while (stream.read(buffer, sizeof buffer), stream.gcount() > 0) {
    text.append(buffer, static_cast<std::size_t>(stream.gcount()));
    if (text.size() > AdminClient::kMaxAnswerBytes) {
      return Error{ErrorCode::invalid, "the answer is too long"};
    }
  }
  return text;
}

constexpr const char* kAdminVariable = "REGENT_ADMIN";
constexpr const char* kTopologyVariable = "REGENT_TOPOLOGY";

// Whether a value is on the command line, and not from the environment.
bool is_given(const std::string& value, const char* variable) {
  const char* set = std::getenv(variable);
  return !value.empty() && (set == nullptr || value != set);
}

std::string joined(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : ",") + part;
  return out;
}

}  // namespace

void add_client_options(CLI::App& command, ClientOptions& options) {
  command
      .add_option("--admin", options.admin,
                  "HOST:PORT of a gateway's admin API; may be given several times")
      ->envname(kAdminVariable)
      ->delimiter(',')
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command
      .add_option("--topology", options.topology, "Topology file; its gateways are tried in turn")
      ->envname(kTopologyVariable);
  command
      .add_option("--certs", options.certs,
                  "Folder with ca.crt (and operator.crt, operator.key where something is changed)")
      ->envname("REGENT_CERTS");
}

Result<Address> parse_address(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  if (colon != std::string::npos && !host.empty()) {
    const auto parsed = std::from_chars(text.data() + colon + 1, end, port);
    if (parsed.ec == std::errc() && parsed.ptr == end && port != 0) return Address{host, port};
  }
  return Error{ErrorCode::invalid, "'" + text + "' is not HOST:PORT"};
}

bool shows_primary(const AdminAnswer& answer) {
  return answer.body->has("primary") && !answer.body->isNull("primary");
}

std::string answered_by(const AdminAnswer& answer) {
  return answer.gateway.region + "." + answer.gateway.name + " (" + answer.address.text() + ")";
}

void complain(const std::string& verb, const std::string& message) {
  std::cerr << "regent " << verb << ": " << message << "\n";
}

std::variant<AdminClient, ClientError> AdminClient::make(const ClientOptions& options,
                                                         bool as_operator) {
  AdminClient client;
  if (auto error = client.find_gateways(options)) return *error;
  if (auto error = client.prepare_tls(options, as_operator)) return *error;
  return client;
}

std::optional<ClientError> AdminClient::find_gateways(const ClientOptions& options) {
  // Who names a gateway on the command line means that one, whatever the environment says.
  const bool admin_given = is_given(joined(options.admin), kAdminVariable);
  const bool topology_given = is_given(options.topology, kTopologyVariable);
  for (const std::string& text : options.admin) {
    if (topology_given && !admin_given) break;
    const auto address = parse_address(text);
    if (!address.ok()) return ClientError{kUsage, "--admin: " + address.error().message};
    gateways_.push_back(address.value());
  }
  if (!options.topology.empty() && (topology_given || !admin_given)) {
    const LoadedTopology loaded = load_topology(options.topology);
    if (!loaded.errors.empty()) {
      std::string message = "the topology has errors";
      for (const Finding& finding : loaded.errors) message += "\n" + finding.message();
      return ClientError{kBadTopology, message};
    }
    cluster_ = loaded.topology.cluster;
    for (const TopologyGateway& gateway : loaded.topology.gateways) {
      const Address address{gateway.host, gateway.admin_port};
      if (std::find(gateways_.begin(), gateways_.end(), address) == gateways_.end()) {
        gateways_.push_back(address);
      }
    }
  }
  if (gateways_.empty()) {
    return ClientError{kUsage,
                       "where is the cluster? give --admin HOST:PORT or --topology FILE "
                       "(or set REGENT_ADMIN or REGENT_TOPOLOGY)"};
  }
  return std::nullopt;
}

std::optional<ClientError> AdminClient::prepare_tls(const ClientOptions& options,
                                                    bool as_operator) {
  if (options.certs.empty()) {
    return ClientError{kUsage,
                       "give --certs DIR (or set REGENT_CERTS): its ca.crt tells a gateway "
                       "from anybody else"};
  }
  const std::string ca = options.certs + "/ca.crt";
  struct stat found {};
  if (stat(ca.c_str(), &found) != 0) {
    return ClientError{kBadTopology, ca + " cannot be read; is --certs the right folder?"};
  }
  try {
    Poco::Net::Context::Params params;
    params.verificationMode = Poco::Net::Context::VERIFY_STRICT;
    params.caLocation = ca;
    tls_ = new Poco::Net::Context(Poco::Net::Context::TLS_CLIENT_USE, params);
    tls_->requireMinimumProtocol(Poco::Net::Context::PROTO_TLSV1_2);
  } catch (const Poco::Exception& e) {
    return ClientError{kBadTopology, ca + " holds no certificate: " + e.displayText()};
  }
  // The identity in the certificate counts, not the host name.
  tls_->enableExtendedCertificateVerification(false);
  SSL_CTX_set_verify(tls_->sslContext(), SSL_VERIFY_PEER, remember_reason);
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(tls_->sslContext()), X509_V_FLAG_PARTIAL_CHAIN);
  if (!as_operator) return std::nullopt;

  const auto self = operator_identity(options.certs);
  if (!self.ok()) return ClientError{kBadTopology, self.error().message};
  auto loaded = Credentials::load(credential_files(options.certs, *self), *self);
  if (!loaded.ok()) return ClientError{kBadTopology, loaded.error().message};
  operator_ = std::move(loaded.value());
  if (cluster_.empty()) cluster_ = self->cluster;
  const auto set = operator_->current();
  if (SSL_CTX_use_certificate(tls_->sslContext(), set->certificate.get()) != 1 ||
      SSL_CTX_use_PrivateKey(tls_->sslContext(), set->key.get()) != 1) {
    return ClientError{kError, "the operator's certificate cannot be used"};
  }
  return std::nullopt;
}

Result<AdminAnswer> AdminClient::get(const std::string& path, const Good& good) {
  std::optional<AdminAnswer> first;
  std::string problems;
  for (const Address& gateway : gateways_) {
    auto answer = ask(gateway, "GET", path, "", kAnswerTimeout);
    if (!answer.ok()) {
      problems += "\n  " + gateway.text() + ": " + answer.error().message;
    } else if (good(answer.value())) {
      return answer;
    } else if (!first) {
      first = answer.value();
    }
  }
  if (first) return *first;
  return Error{ErrorCode::unavailable, "no gateway answered:" + problems};
}

Result<AdminAnswer> AdminClient::post(const Address& gateway, const std::string& path,
                                      const std::string& body, Duration timeout) {
  return ask(gateway, "POST", path, body, timeout);
}

Result<AdminAnswer> AdminClient::remove(const Address& gateway, const std::string& path,
                                        Duration timeout) {
  return ask(gateway, "DELETE", path, "", timeout);
}

Result<AdminAnswer> AdminClient::ask(const Address& gateway, const std::string& method,
                                     const std::string& path, const std::string& body,
                                     Duration timeout) {
  const auto resolved = resolve(gateway);
  if (!resolved.ok()) return resolved.error();
  std::string refused_certificate;
  SSL_CTX_set_app_data(tls_->sslContext(), &refused_certificate);
  GatewaySession session(*resolved, tls_, cluster_);
  session.setTimeout(to_timespan(kConnectTimeout), to_timespan(timeout), to_timespan(timeout));
  try {
    Poco::Net::HTTPRequest request(method, path, Poco::Net::HTTPRequest::HTTP_1_1);
    if (!body.empty()) {
      request.setContentType("application/json");
      request.setContentLength(static_cast<std::streamsize>(body.size()));
    }
    session.sendRequest(request) << body << std::flush;
    Poco::Net::HTTPResponse response;
    const auto text = read_answer(session.receiveResponse(response));
    if (!text.ok()) return text.error();
    AdminAnswer answer;
    answer.address = gateway;
    answer.gateway = session.gateway();
    answer.code = response.getStatus();
    // Keys stay in the order the gateway gave them, for --json.
    Poco::JSON::Parser parser(new Poco::JSON::ParseHandler(true));
    answer.body = parser.parse(*text).extract<Poco::JSON::Object::Ptr>();
    return answer;
  } catch (const Poco::TimeoutException&) {
    return Error{ErrorCode::timed_out, "no answer in time"};
  } catch (const Poco::Exception& e) {
    if (!session.checked().ok()) return session.checked().error();
    if (!refused_certificate.empty()) return Error{ErrorCode::refused, refused_certificate};
    return Error{ErrorCode::io, e.displayText()};
  } catch (const std::exception& e) {
    return Error{ErrorCode::io, e.what()};
  }
}

}  // namespace regent::cli
