#pragma once

#include "gateway/control.h"

// How the admin API's threads have something done on the control thread and wait for it.
namespace regent {

// How long it may take to come to the task.
inline constexpr auto kLoopPatience = std::chrono::seconds(5);

template <typename T>
std::optional<T> Control::on_control_thread(std::function<T()> task) {
  auto promise = std::make_shared<std::promise<T>>();
  auto result = promise->get_future();
  const bool queued = loop_.post([promise, run = std::move(task)] { promise->set_value(run()); });
  promise.reset();  // so that a task that is dropped breaks it
  if (!queued || result.wait_for(kLoopPatience) != std::future_status::ready) return std::nullopt;
  try {
    return result.get();
  } catch (const std::future_error&) {
    return std::nullopt;
  }
}

}  // namespace regent
