#include "gateway/json.h"

#include <sstream>

namespace regent {

using Poco::JSON::Array;
using Poco::JSON::Object;

Object::Ptr ordered_object() {
  return new Object(Poco::JSON_PRESERVE_KEY_ORDER);
}

Array::Ptr strings_json(const std::vector<std::string>& strings) {
  Array::Ptr array = new Array;
  for (const std::string& text : strings) array->add(text);
  return array;
}

std::string json_text(const Object& object) {
  std::ostringstream out;
  object.stringify(out);
  out << '\n';
  return out.str();
}

}  // namespace regent
