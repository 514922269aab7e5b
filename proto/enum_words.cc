#include "proto/enum_words.h"

#include <cctype>

#include <google/protobuf/descriptor.h>

namespace skiptrain {
namespace {

// LinkState -> "LINK_STATE_", the prefix of its values' names.
std::string value_prefix(const std::string& enum_name) {
  std::string prefix;
  for (const char c : enum_name) {
    if (std::isupper(static_cast<unsigned char>(c)) != 0 && !prefix.empty()) prefix += '_';
    prefix += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return prefix + "_";
}

}  // namespace

std::string enum_word(const google::protobuf::EnumDescriptor& type, int number, char separator) {
  const auto* value = type.FindValueByNumber(number);
  if (value == nullptr) return std::to_string(number);
  std::string text = value->name();
  const std::string prefix = value_prefix(type.name());
  if (text.starts_with(prefix)) text.erase(0, prefix.size());
  for (char& c : text) {
    c = c == '_' ? separator : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return text;
}

}  // namespace skiptrain
