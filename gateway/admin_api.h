#pragma once

#include <Poco/JSON/Object.h>

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/status.h"
#include "quorum/result.h"

// What the admin API answers, apart from how it gets there (gateway/admin_server.h does HTTP and
// TLS). Reading needs no certificate; what changes something needs the operator's.
namespace regent {

struct AdminRequest {
  std::string method;
  std::string path;   // as sent, without the query
  std::string query;  // after the '?', "" when there is none
  std::string body;
  std::string host;    // the Host header, "" when there is none
  std::string origin;  // the Origin header: set by browsers on behalf of a page
  std::string client;  // address of the caller, for the log
  bool certificate_shown = false;
  // Whether the certificate shown is the operator's; asked only where it matters.
  std::function<Status()> is_operator;
};

struct AdminReply {
  int code = 200;
  std::string content_type = "application/json";
  std::string body;
  std::string allow;  // methods the path takes; sent with 405 and with the answer to OPTIONS
};

// Any thread; several requests at a time.
class AdminApi {
 public:
  static constexpr Duration kDefaultSwitchover = std::chrono::seconds(30);
  // The control thread renews its picture at least each heartbeat; one older than this means that
  // it is stuck.
  static constexpr Duration kStaleAfter = std::chrono::seconds(5);

  // How long pause and resume wait for the other gateways that can be reached to say that they
  // know.
  static constexpr Duration kPauseSpread = std::chrono::seconds(2);

  using MetricsText = std::function<std::string(const GatewayStatus&)>;

  // Both must outlive this.
  AdminApi(ControlPort& control, MetricsText metrics);

  AdminReply answer(const AdminRequest& request);

 private:
  struct Path;
  static const Path kPaths[];
  static const Path* find_path(std::string_view path);
  static AdminReply unknown_path(const std::string& path);

  AdminReply primary(const AdminRequest& request);
  AdminReply standby(const AdminRequest& request);
  AdminReply quorum(const AdminRequest& request);
  AdminReply livez(const AdminRequest& request);
  AdminReply readyz(const AdminRequest& request);
  AdminReply status(const AdminRequest& request);
  AdminReply route(const AdminRequest& request);
  AdminReply metrics(const AdminRequest& request);
  AdminReply switchover(const AdminRequest& request);
  AdminReply pause(const AdminRequest& request);
  AdminReply resume(const AdminRequest& request);
  AdminReply faults(const AdminRequest& request);
  AdminReply set_paused(const AdminRequest& request, bool paused);
  // Why the caller may not order `what`; logged.
  static std::optional<AdminReply> refusal(const AdminRequest& request, const std::string& what);

  ControlPort& control_;
  MetricsText metrics_;
  std::atomic<bool> switching_{false};  // one switchover at a time through this gateway
};

// {"success":false,"error":ERROR,"message":MESSAGE}
AdminReply admin_error(int code, const std::string& error, const std::string& message);

AdminReply json_reply(int code, const Poco::JSON::Object::Ptr& object);

}  // namespace regent
