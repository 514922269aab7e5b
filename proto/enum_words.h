// The words for the values of our messages' enums, taken from their names.
#pragma once

#include <string>

#include <google/protobuf/generated_enum_reflection.h>

namespace skiptrain {

// PHASE_WARMING_UP of Phase, with '-' as separator: "warming-up". An unknown number is itself.
std::string enum_word(const google::protobuf::EnumDescriptor& type, int number, char separator);

// For people: "warming up".
template <typename Enum>
std::string word(Enum value) {
  return enum_word(*google::protobuf::GetEnumDescriptor<Enum>(), value, ' ');
}

// As in JSON, on the command line and in metrics: "skiptrain-constrained".
template <typename Enum>
std::string name_of(Enum value) {
  return enum_word(*google::protobuf::GetEnumDescriptor<Enum>(), value, '-');
}

}  // namespace skiptrain
