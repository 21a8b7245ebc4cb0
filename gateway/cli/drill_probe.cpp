#include "gateway/cli/drill_probe.h"

#include <Poco/Exception.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/NullStream.h>
#include <Poco/StreamCopier.h>

#include <algorithm>
#include <charconv>

#include "region/clock.h"
#include "region/resolver.h"

namespace regent::cli {
namespace {

constexpr auto kAfterFailure = std::chrono::milliseconds(20);

std::string with_id(std::string text, const std::string& id) {
  for (std::size_t at; (at = text.find("$id")) != std::string::npos;) text.replace(at, 3, id);
  return text;
}

double since(Instant zero) {
  return std::chrono::duration<double>(boot_now() - zero).count();
}

void write_once(Poco::Net::HTTPClientSession& session, const DrillProbe& probe,
                const std::string& id, ProbeAnswer& answer) {
  Poco::Net::HTTPRequest request("POST", with_id(probe.path, id), "HTTP/1.1");
  const std::string body = with_id(probe.body, id);
  request.setKeepAlive(true);
  request.setContentType("application/json");
  request.set("Idempotency-Key", id);
  request.setContentLength(static_cast<std::streamsize>(body.size()));
  session.sendRequest(request) << body << std::flush;
  Poco::Net::HTTPResponse response;
  std::istream& content = session.receiveResponse(response);
  answer.code = response.getStatus();
  if (answer.acknowledged()) {
    Poco::NullOutputStream nowhere;
    Poco::StreamCopier::copyStream(content, nowhere);
  } else {
    std::string text;
    Poco::StreamCopier::copyToString(content, text);
    answer.unknown = text.find(R"("outcome":"unknown")") != std::string::npos;
  }
  answer.served_by = response.get("Regent-Region", "");
  const std::string epoch = response.get("Regent-Epoch", "0");
  std::from_chars(epoch.data(), epoch.data() + epoch.size(), answer.epoch);
}

}  // namespace

const Service* DrillProbes::service_of(const Topology& topology, const DrillProbe& probe) {
  const auto found = std::ranges::find_if(topology.services, [&](const Service& service) {
    return probe.service.empty() ? service.protocol == Protocol::http
                                 : service.name == probe.service;
  });
  return found == topology.services.end() ? nullptr : &*found;
}

Status DrillProbes::check(const Topology& topology, const DrillProbe& probe) {
  const Service* service = service_of(topology, probe);
  if (service == nullptr) {
    return Error{ErrorCode::invalid, probe.service.empty()
                                         ? "the topology has no http service to write to"
                                         : "the topology has no service '" + probe.service + "'"};
  }
  if (service->protocol != Protocol::http || !service->tls.empty()) {
    return Error{ErrorCode::invalid,
                 "the probe speaks plain HTTP, and service " + service->name + " does not"};
  }
  return Done{};
}

DrillProbes::DrillProbes(const Topology& topology, const DrillProbe& probe, std::string id,
                         Instant zero)
    : topology_(topology), probe_(probe), id_(std::move(id)), zero_(zero) {}

void DrillProbes::start() {
  for (std::uint16_t i = 0; i < topology_.gateways.size(); ++i) {
    threads_.emplace_back([this, i] { run(GatewayId{i}); });
  }
}

void DrillProbes::stop() {
  stopping_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

std::vector<ProbeAnswer> DrillProbes::answers() const {
  const std::scoped_lock lock(mutex_);
  return answers_;
}

void DrillProbes::run(GatewayId id) {
  const TopologyGateway& gateway = topology_.gateway(id);
  const std::string& region = topology_.region_name(gateway.region);
  const std::uint16_t port = service_of(topology_, probe_)->port;
  std::uint64_t count = 0;
  std::unique_ptr<Poco::Net::HTTPClientSession> session;
  while (!stopping_) {
    ProbeAnswer answer;
    answer.region = region;
    answer.gateway = gateway.name;
    answer.sent = since(zero_);
    try {
      if (!session) {
        const auto address = resolve({gateway.host, port});
        if (!address.ok()) throw Poco::IOException(address.error().message);
        session = std::make_unique<Poco::Net::HTTPClientSession>(*address);
        const auto limit = std::chrono::duration_cast<std::chrono::microseconds>(kAnswerLimit);
        session->setTimeout(Poco::Timespan(limit.count()));
      }
      write_once(*session, probe_,
                 id_ + "-" + region + "." + gateway.name + "-" + std::to_string(++count), answer);
    } catch (const std::exception&) {  // Poco::Exception is one; no answer is an answer, too
      session.reset();
      std::this_thread::sleep_for(kAfterFailure);
    }
    answer.answered = since(zero_);
    {
      const std::scoped_lock lock(mutex_);
      if (answers_.size() >= kMaxAnswers) return;
      answers_.push_back(answer);
    }
    std::this_thread::sleep_for(probe_.every);
  }
}

}  // namespace regent::cli
