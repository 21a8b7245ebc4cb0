#include "gateway/drill/faults_json.h"

#include <Poco/JSON/Array.h>

namespace regent {
namespace {

Poco::JSON::Array::Ptr list(const std::vector<std::string>& names) {
  Poco::JSON::Array::Ptr array = new Poco::JSON::Array;
  for (const std::string& name : names) array->add(name);
  return array;
}

}  // namespace

Poco::JSON::Object::Ptr faults_json(const FaultsStatus& faults, Instant now) {
  Poco::JSON::Object::Ptr object = new Poco::JSON::Object(Poco::JSON_PRESERVE_KEY_ORDER);
  const bool running = faults.running && now < faults.until;
  object->set("allowed", faults.allowed);
  object->set("processes", faults.processes);
  object->set("running", running);
  if (running) {
    object->set("drill", faults.order.drill);
    object->set("drop_to", list(faults.order.drop_to));
    object->set("drop_from", list(faults.order.drop_from));
    object->set("delay_to", list(faults.order.delay_to));
    object->set("drop_nodes", list(faults.order.drop_nodes));
    object->set("drop_redis", faults.order.drop_redis);
    object->set("stop", list(faults.order.stop));
    object->set("pause", list(faults.order.pause));
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
