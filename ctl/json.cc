#include "ctl/json.h"

#include <cmath>

#include <google/protobuf/descriptor.h>

#include "proto/enum_words.h"

namespace skiptrain::ctl {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

Json singular(const Message& message, const FieldDescriptor* field, const Reflection& of) {
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return of.GetInt32(message, field);
    case FieldDescriptor::CPPTYPE_INT64:
      return of.GetInt64(message, field);
    case FieldDescriptor::CPPTYPE_UINT32:
      return of.GetUInt32(message, field);
    case FieldDescriptor::CPPTYPE_UINT64:
      return of.GetUInt64(message, field);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return number_or_null(of.GetDouble(message, field));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return number_or_null(of.GetFloat(message, field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return of.GetBool(message, field);
    case FieldDescriptor::CPPTYPE_STRING:
      return of.GetString(message, field);
    case FieldDescriptor::CPPTYPE_ENUM:
      return enum_word(*field->enum_type(), of.GetEnumValue(message, field), '-');
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return to_json(of.GetMessage(message, field));
  }
  return nullptr;
}

// The control API repeats only messages and 64-bit identifiers.
Json repeated(const Message& message, const FieldDescriptor* field, const Reflection& of) {
  Json items = Json::array();
  const int size = of.FieldSize(message, field);
  for (int i = 0; i < size; ++i) {
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      items.push_back(to_json(of.GetRepeatedMessage(message, field, i)));
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_UINT64) {
      items.push_back(of.GetRepeatedUInt64(message, field, i));
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      items.push_back(of.GetRepeatedString(message, field, i));
    }
  }
  return items;
}

}  // namespace

Json number_or_null(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json to_json(const Message& message) {
  const auto& type = *message.GetDescriptor();
  const auto& of = *message.GetReflection();
  Json object = Json::object();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor* field = type.field(i);
    if (field->is_repeated()) {
      object[field->name()] = repeated(message, field, of);
    } else if (field->has_presence() && !of.HasField(message, field)) {
      object[field->name()] = nullptr;
    } else {
      object[field->name()] = singular(message, field, of);
    }
  }
  return object;
}

Json to_json(const Failure& failure) {
  return {{"code", to_string(failure.exit)}, {"message", failure.message}, {"hint", failure.hint}};
}

}  // namespace skiptrain::ctl
