#include "gateway/admin_server.h"

#include <Poco/Net/Context.h>
#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServerConnection.h>
#include <Poco/Net/HTTPServerParams.h>
#include <Poco/Net/HTTPServerRequestImpl.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/SecureServerSocket.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <Poco/Net/TCPServer.h>
#include <Poco/Net/TCPServerConnectionFactory.h>
#include <Poco/ThreadPool.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "gateway/connection_deadlines.h"
#include "region/clock.h"
#include "region/port_owner.h"
#include "region/resolver.h"
#include "security/certificate.h"
#include "security/tls_context.h"
#include "topology/topology.h"

namespace regent {
namespace {

constexpr int kBacklog = 64;  // connections the kernel keeps for us

using Poco::Net::HTTPServerRequest;
using Poco::Net::HTTPServerResponse;

Poco::Timespan to_timespan(Duration duration) {
  return Poco::Timespan(std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
}

// What one connection's requests share.
struct ConnectionState {
  AdminApi& api;
  const Credentials& credentials;
  Duration request_timeout;
  std::unique_ptr<ConnectionDeadlines::Watch> watch;
};

constexpr Poco::Int64 kMaxDrainBytes = 1024 * 1024;  // of a body that is refused

// The body, or nothing when it is longer than it may be.
std::optional<std::string> read_body(HTTPServerRequest& request) {
  const Poco::Int64 announced = request.getContentLength64();
  if (announced > static_cast<Poco::Int64>(AdminServer::kMaxBodyBytes)) {
    // Taking in what is not much too long lets the caller read the answer before the connection
    // ends.
    if (announced <= kMaxDrainBytes) request.stream().ignore(announced);
    return std::nullopt;
  }
  std::string body(AdminServer::kMaxBodyBytes + 1, '\0');
  request.stream().read(body.data(), static_cast<std::streamsize>(body.size()));
  body.resize(static_cast<std::size_t>(request.stream().gcount()));
  if (body.size() > AdminServer::kMaxBodyBytes) return std::nullopt;
  return body;
}

class Handler : public Poco::Net::HTTPRequestHandler {
 public:
  explicit Handler(std::shared_ptr<ConnectionState> state) : state_(std::move(state)) {}

  void handleRequest(HTTPServerRequest& request, HTTPServerResponse& response) override {
    const bool has_body = request.hasContentLength() || request.getChunkedTransferEncoding();
    // What is left of a body would be taken for the next request.
    if (has_body) response.setKeepAlive(false);
    AdminReply reply;
    // RFC 9112, 3.2: HTTP/1.0, which load balancers still ask their checks with, may leave it out.
    if (!request.has("Host") && request.getVersion() != HTTPServerRequest::HTTP_1_0) {
      response.setKeepAlive(false);
      return send(admin_error(400, "bad_request", "the Host header is missing"), response);
    }
    try {
      const auto body = has_body ? read_body(request) : std::string();
      state_->watch->set(kNever);
      reply = body ? answer(request, *body)
                   : admin_error(413, "too_large",
                                 "a body may have at most " +
                                     std::to_string(AdminServer::kMaxBodyBytes) + " bytes");
    } catch (const std::exception& e) {
      reply = admin_error(500, "internal", e.what());
    }
    state_->watch->set(boot_now() + state_->request_timeout);
    send(reply, response);
  }

 private:
  AdminReply answer(HTTPServerRequest& request, const std::string& body) {
    AdminRequest asked;
    asked.method = request.getMethod();
    const std::string& target = request.getURI();
    const std::size_t mark = target.find('?');
    asked.path = target.substr(0, mark);
    if (mark != std::string::npos) asked.query = target.substr(mark + 1);
    asked.body = body;
    asked.host = request.get("Host", "");
    asked.origin = request.get("Origin", "");
    asked.client = request.clientAddress().toString();
    Poco::Net::SecureStreamSocket socket(
        dynamic_cast<Poco::Net::HTTPServerRequestImpl&>(request).socket());
    asked.certificate_shown = socket.havePeerCertificate();
    asked.is_operator = [&] {
      const std::shared_ptr<X509> shown(socket.peerCertificate().dup(), X509_free);
      return verified_operator(shown.get(), *state_->credentials.current());
    };
    return state_->api.answer(asked);
  }

  static void send(const AdminReply& reply, HTTPServerResponse& response) {
    response.setStatus(static_cast<HTTPServerResponse::HTTPStatus>(reply.code));
    response.setReason(HTTPServerResponse::getReasonForStatus(response.getStatus()));
    response.setContentType(reply.content_type);
    response.set("Cache-Control", "no-store");
    response.set("X-Content-Type-Options", "nosniff");
    if (!reply.allow.empty()) response.set("Allow", reply.allow);
    response.sendBuffer(reply.body.data(), reply.body.size());
  }

  std::shared_ptr<ConnectionState> state_;
};

class HandlerFactory : public Poco::Net::HTTPRequestHandlerFactory {
 public:
  explicit HandlerFactory(std::shared_ptr<ConnectionState> state) : state_(std::move(state)) {}
  Poco::Net::HTTPRequestHandler* createRequestHandler(const HTTPServerRequest&) override {
    return new Handler(state_);
  }

 private:
  std::shared_ptr<ConnectionState> state_;
};

// What becomes of a connection for which there is no descriptor left.
class ClosedConnection : public Poco::Net::TCPServerConnection {
 public:
  using TCPServerConnection::TCPServerConnection;
  void run() override {}
};

class ConnectionFactory : public Poco::Net::TCPServerConnectionFactory {
 public:
  ConnectionFactory(AdminApi& api, const Credentials& credentials, ConnectionDeadlines& deadlines,
                    Duration request_timeout, Poco::Net::HTTPServerParams::Ptr params)
      : api_(api),
        credentials_(credentials),
        deadlines_(deadlines),
        request_timeout_(request_timeout),
        params_(std::move(params)) {}

  Poco::Net::TCPServerConnection* createConnection(const Poco::Net::StreamSocket& socket) override {
    auto watch = deadlines_.watch(socket.impl()->sockfd(), boot_now() + request_timeout_);
    if (!watch) return new ClosedConnection(socket);
    auto state = std::make_shared<ConnectionState>(
        ConnectionState{api_, credentials_, request_timeout_, std::move(watch)});
    return new Poco::Net::HTTPServerConnection(socket, params_, new HandlerFactory(state));
  }

 private:
  AdminApi& api_;
  const Credentials& credentials_;
  ConnectionDeadlines& deadlines_;
  const Duration request_timeout_;
  Poco::Net::HTTPServerParams::Ptr params_;
};

Poco::Net::HTTPServerParams::Ptr server_params(const AdminServer::Limits& limits) {
  Poco::Net::HTTPServerParams::Ptr params = new Poco::Net::HTTPServerParams;
  params->setMaxThreads(limits.threads);
  params->setMaxQueued(limits.queued);
  params->setTimeout(to_timespan(limits.request_timeout));
  params->setKeepAlive(true);
  params->setKeepAliveTimeout(to_timespan(limits.keep_alive_timeout));
  params->setSoftwareVersion("regent/" REGENT_VERSION);
  return params;
}

// Throws what POCO throws.
Poco::Net::SecureServerSocket listening_socket(const Poco::Net::SocketAddress& address,
                                               const Credentials& credentials) {
  Poco::Net::Context::Params tls;
  tls.verificationMode = Poco::Net::Context::VERIFY_RELAXED;
  Poco::Net::Context::Ptr context = new Poco::Net::Context(Poco::Net::Context::TLS_SERVER_USE, tls);
  // The certificate shown by a caller is judged by verified_operator(), not by host names.
  context->enableExtendedCertificateVerification(false);
  serve_with_current_certificate(context->sslContext(), credentials);
  Poco::Net::SecureServerSocket socket(context);
  // Reusing the address is for restarts; reusing the port would let two gateways share it.
  socket.bind(address, true, false);
  socket.listen(kBacklog);
  return socket;
}

}  // namespace

struct AdminServer::State {
  explicit State(const Limits& limits) : threads("admin", 1, limits.threads) {}

  ConnectionDeadlines deadlines;
  Poco::ThreadPool threads;
  std::unique_ptr<Poco::Net::TCPServer> server;
  std::mutex mutex;
  std::condition_variable wake;
  bool stopping = false;
  std::thread cutter;

  void cut_slow_connections() {
    std::unique_lock lock(mutex);
    while (!wake.wait_for(lock, std::chrono::seconds(1), [this] { return stopping; })) {
      deadlines.cut_due(boot_now());
    }
  }
};

AdminServer::AdminServer(const Limits& limits) : state_(std::make_unique<State>(limits)) {}

Result<std::unique_ptr<AdminServer>> AdminServer::start(const std::string& host, std::uint16_t port,
                                                        const Credentials& credentials,
                                                        AdminApi& api, const Limits& limits) {
  std::unique_ptr<AdminServer> server(new AdminServer(limits));
  State& state = *server->state_;
  const auto address = resolve(Address{host, port});
  if (!address.ok()) return address.error();
  try {
    const auto params = server_params(limits);
    state.server = std::make_unique<Poco::Net::TCPServer>(
        new ConnectionFactory(api, credentials, state.deadlines, limits.request_timeout, params),
        state.threads, listening_socket(*address, credentials), params);
    state.server->start();
  } catch (const Poco::Exception& e) {
    const std::string owner = port_owner(*address);
    return Error{ErrorCode::unavailable,
                 "the admin API cannot listen on " + address->toString() + ": " +
                     (owner.empty() ? e.displayText() : "address already in use by " + owner) +
                     "; change ports.admin in the topology or free the port"};
  }
  state.cutter = std::thread([&state] { state.cut_slow_connections(); });
  return server;
}

AdminServer::~AdminServer() {
  State& state = *state_;
  {
    std::scoped_lock lock(state.mutex);
    state.stopping = true;
  }
  state.wake.notify_one();
  if (state.cutter.joinable()) state.cutter.join();
  if (!state.server) return;
  state.server->stop();
  // Again and again, because a thread may just have taken a connection that was waiting.
  while (state.threads.used() > 0) {
    state.deadlines.cut_due(kNever);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  state.threads.joinAll();
}

std::uint16_t AdminServer::port() const {
  return state_->server->port();
}

}  // namespace regent
