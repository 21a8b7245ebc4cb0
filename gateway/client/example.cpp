// Writes orders to the primary and follows it: an example of a service that looks the route up.
//
//   route_client_example --cluster shop --redis 127.0.1.20:6379 --redis 127.0.2.20:6379
//       --gateway 127.0.1.10:7480 --ca build/local/certs/ca.crt --orders 100
//
// Prints a line an order: "NAME-1 201 us-east 7" (its id, the answer, who took it in which epoch).
// Exit codes: 0 all orders were taken; 1 not; 64 wrong usage.

#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/NullStream.h>
#include <Poco/StreamCopier.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <thread>

#include "gateway/client/route_client.h"

namespace {

using regent::client::Endpoint;
using regent::client::RouteClient;
using regent::client::RouteView;

constexpr int kUsage = 64;
constexpr auto kPatience = std::chrono::seconds(30);  // for one order
constexpr auto kPause = std::chrono::milliseconds(20);
const Poco::Timespan kAnswerTimeout(10, 0);

struct Settings {
  RouteClient::Options client;
  int orders = 10;
  std::string name = "example-" + std::to_string(getpid());
};

bool parse(const std::vector<std::string>& words, Settings& settings) {
  for (std::size_t i = 0; i + 1 < words.size(); i += 2) {
    const std::string& value = words[i + 1];
    if (words[i] == "--cluster") {
      settings.client.cluster = value;
    } else if (words[i] == "--redis") {
      settings.client.redis.push_back(value);
    } else if (words[i] == "--gateway") {
      settings.client.gateways.push_back(value);
    } else if (words[i] == "--ca") {
      settings.client.ca_file = value;
    } else if (words[i] == "--orders") {
      settings.orders = std::atoi(value.c_str());
    } else if (words[i] == "--name") {
      settings.name = value;
    } else {
      return false;
    }
  }
  return words.size() % 2 == 0 && settings.orders > 0;
}

// A connection that is kept for as long as the primary stays where it is.
class Shop {
 public:
  // Whether the order was taken. With the key it may be sent again: it is never taken twice.
  bool order(const Endpoint& gateway, const std::string& id) {
    try {
      if (!session_ || gateway != gateway_) {
        session_ = std::make_unique<Poco::Net::HTTPClientSession>(gateway.host, gateway.port);
        session_->setKeepAlive(true);
        session_->setTimeout(kAnswerTimeout);
        gateway_ = gateway;
      }
      Poco::Net::HTTPRequest request("POST", "/orders", "HTTP/1.1");
      const std::string body = R"({"id":")" + id + "\"}";
      request.set("Idempotency-Key", id);
      request.setContentLength(static_cast<std::streamsize>(body.size()));
      session_->sendRequest(request) << body << std::flush;
      Poco::Net::HTTPResponse response;
      Poco::NullOutputStream nowhere;
      Poco::StreamCopier::copyStream(session_->receiveResponse(response), nowhere);
      const int code = response.getStatus();
      if (code != 200 && code != 201) {
        std::cerr << id << ": " << gateway.text() << " answers " << code << std::endl;
        return false;
      }
      std::cout << id << " " << code << " " << response.get("Regent-Region", "?") << " "
                << response.get("Regent-Epoch", "?") << std::endl;
      return true;
    } catch (const Poco::Exception& e) {
      session_.reset();
      std::cerr << id << ": " << gateway.text() << ": " << e.displayText() << std::endl;
      return false;
    }
  }

 private:
  Endpoint gateway_;
  std::unique_ptr<Poco::Net::HTTPClientSession> session_;
};

// Tries until the order is taken, at each gateway of whoever is primary by then.
bool place(const RouteClient& client, Shop& shop, const std::string& id) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  for (std::size_t attempt = 0; std::chrono::steady_clock::now() < end; ++attempt) {
    const auto route = client.wait(kPatience);
    if (!route.ok()) {
      std::cerr << id << ": " << route.error().message << std::endl;
      return false;
    }
    const auto& gateways = (*route)->gateways;
    if (shop.order(gateways[attempt % gateways.size()], id)) return true;
    std::this_thread::sleep_for(kPause);
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  if (!parse({argv + 1, argv + argc}, settings)) {
    std::cerr << "usage: route_client_example --cluster NAME [--redis HOST:PORT]...\n"
                 "         [--gateway HOST:PORT]... [--ca FILE] [--orders N] [--name NAME]\n";
    return kUsage;
  }
  settings.client.on_change = [](const RouteView& route) {
    if (route) {
      std::cerr << "primary is " << route->primary << ", epoch " << route->epoch.value << std::endl;
    } else {
      std::cerr << "no primary is known" << std::endl;
    }
  };
  const auto client = RouteClient::start(settings.client);
  if (!client.ok()) {
    std::cerr << "route_client_example: " << client.error().message << std::endl;
    return kUsage;
  }
  Shop shop;
  for (int i = 1; i <= settings.orders; ++i) {
    if (!place(**client, shop, settings.name + "-" + std::to_string(i))) return 1;
    std::this_thread::sleep_for(kPause);
  }
  return 0;
}
