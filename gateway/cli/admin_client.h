#pragma once

#include <Poco/JSON/Object.h>
#include <Poco/Net/Context.h>

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "quorum/result.h"
#include "security/credentials.h"
#include "security/identity.h"
#include "topology/topology.h"

// How the client verbs (status, route, switchover) talk to the cluster.
namespace regent::cli {

struct ClientOptions {
  std::vector<std::string> admin;  // HOST:PORT
  std::string topology;            // file; its gateways are tried after `admin`
  std::string certs;               // folder with ca.crt, and operator.crt and .key to change things
};
// --admin, --topology, --certs and their environment variables. Gateways named by one of the first
// two on the command line are the only ones; the environment is for when neither is.
void add_client_options(CLI::App& command, ClientOptions& options);

// What a gateway answered.
struct AdminAnswer {
  int code = 0;
  Poco::JSON::Object::Ptr body;
  Address address;   // where it was asked
  Identity gateway;  // who answered, by its certificate
};

// A failure and the exit code that goes with it.
struct ClientError {
  int exit_code = 0;
  std::string message;
};

// Talks to one of a list of gateways over HTTPS. The server's certificate must come from the
// authority in the certificate folder and be a gateway's (of the cluster, where that is known); the
// host name does not matter. One thread.
class AdminClient {
 public:
  static constexpr Duration kConnectTimeout = std::chrono::seconds(2);
  static constexpr Duration kAnswerTimeout = std::chrono::seconds(5);
  static constexpr std::size_t kMaxAnswerBytes = 16 * 1024 * 1024;

  // `as_operator`: show the operator's certificate, which must be there and good.
  static std::variant<AdminClient, ClientError> make(const ClientOptions& options,
                                                     bool as_operator);

  // Asks the gateways in turn until one gives an answer that `good` likes; otherwise the first
  // answer at all. An error names each address tried and why it failed.
  using Good = std::function<bool(const AdminAnswer&)>;
  Result<AdminAnswer> get(const std::string& path, const Good& good);

  // Asks this one gateway, once. ErrorCode::timed_out: no answer within `timeout`.
  Result<AdminAnswer> post(const Address& gateway, const std::string& path, const std::string& body,
                           Duration timeout);
  // The same for DELETE, which has no body.
  Result<AdminAnswer> remove(const Address& gateway, const std::string& path, Duration timeout);

 private:
  AdminClient() = default;
  std::optional<ClientError> find_gateways(const ClientOptions& options);
  std::optional<ClientError> prepare_tls(const ClientOptions& options, bool as_operator);
  Result<AdminAnswer> ask(const Address& gateway, const std::string& method,
                          const std::string& path, const std::string& body, Duration timeout);

  std::vector<Address> gateways_;
  std::string cluster_;  // "": not known
  std::shared_ptr<Credentials> operator_;
  Poco::Net::Context::Ptr tls_;
};

// HOST:PORT or [HOST]:PORT.
Result<Address> parse_address(const std::string& text);

// Whether the answer shows a primary.
bool shows_primary(const AdminAnswer& answer);

// "us-east.gw1 (127.0.1.10:7480)"
std::string answered_by(const AdminAnswer& answer);

// Writes "regent VERB: message" to standard error.
void complain(const std::string& verb, const std::string& message);

}  // namespace regent::cli
