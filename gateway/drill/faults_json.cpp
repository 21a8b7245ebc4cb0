#include "gateway/drill/faults_json.h"

#include "gateway/json.h"

namespace regent {

Poco::JSON::Object::Ptr faults_json(const FaultsStatus& faults, Instant now) {
  Poco::JSON::Object::Ptr object = ordered_object();
  const bool running = faults.running && now < faults.until;
  object->set("allowed", faults.allowed);
  object->set("processes", faults.processes);
  object->set("running", running);
  if (running) {
    object->set("drill", faults.order.drill);
    object->set("drop_to", strings_json(faults.order.drop_to));
    object->set("drop_from", strings_json(faults.order.drop_from));
    object->set("delay_to", strings_json(faults.order.delay_to));
    object->set("drop_nodes", strings_json(faults.order.drop_nodes));
    object->set("drop_redis", faults.order.drop_redis);
    object->set("stop", strings_json(faults.order.stop));
    object->set("pause", strings_json(faults.order.pause));
    if (const auto& limit = faults.order.abort.no_primary_for) {
      object->set("no_primary_for_ms",
                  std::chrono::ceil<std::chrono::milliseconds>(*limit).count());
    }
    if (const auto& limit = faults.order.abort.failed_writes) object->set("failed_writes", *limit);
    object->set("failed_writes_so_far", faults.failed_writes);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(faults.until - now);
    object->set("ends_in_ms", left.count());
  }
  if (!faults.last_end.empty()) object->set("last_end", faults.last_end);
  return object;
}

}  // namespace regent
