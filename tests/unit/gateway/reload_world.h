#pragma once

#include <gtest/gtest.h>

#include "tests/unit/gateway/proxy_world.h"

// A world whose services change while its planes run, with several threads each.
namespace regent::test {

class ReloadWorld : public ::testing::Test {
 protected:
  ReloadWorld() { limits_.threads = 3; }

  // East is primary, with this one backend.
  void start(Backend& backend, World::Adjust adjust = [](Service&) {}) {
    world_.emplace(std::move(adjust), limits_);
    world_->add_backend(kEast, backend.port());
    world_->start();
    world_->primary(kEast);
  }
  DataPlane& plane() { return *world_->east().data_plane; }
  Client client() { return world_->east().client(); }
  // East's plane takes over its present topology after `change`.
  template <typename F>
  Status reload(F change) {
    return reload(plane(), change);
  }
  template <typename F>
  Status reload(DataPlane& which, F change) {
    auto next = std::make_shared<Topology>(world_->topology());
    next->traffic.max_connections = 100;
    change(*next);
    Status status = which.reload(next);
    if (status.ok()) {
      kept_.push_back(next);
      world_->topology().services = next->services;
    }
    return status;
  }
  static Address at(const Backend& backend) { return {host(Host::backends), backend.port()}; }
  bool healthy(std::size_t service, std::uint32_t count) {
    return eventually([&] { return plane().backend_status().at(service).healthy == count; });
  }

  ProxyLimits limits_;
  std::optional<World> world_;
  std::vector<std::shared_ptr<const Topology>> kept_;
};

}  // namespace regent::test
