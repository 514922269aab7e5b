#include "data/pickle.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "data/quoted.h"

namespace skiptrain::data::pickle {
namespace {

constexpr std::string_view kStorageSuffix = "Storage";

std::string advice() {
  return "must hold tensors alone, in a dictionary or a tuple, as torch.save({\"x_train\": x}, "
         "path) "
         "writes them";
}

class Machine {
 public:
  Machine(std::span<const std::uint8_t> bytes, const std::string& name)
      : rest_(bytes), all_(bytes.size()), name_(name) {}

  Result<Value> run() {
    while (true) {
      at_ = all_ - rest_.size();
      const std::optional<std::uint64_t> opcode = number(1);
      if (!opcode) return tl::unexpected<Error>(cut_off());
      if (static_cast<char>(*opcode) == '.') break;
      if (auto done = step(static_cast<std::uint8_t>(*opcode)); !done) {
        return tl::unexpected<Error>(done.error());
      }
      if (stack_.size() > kMaxValues || memo_.size() > kMaxValues) {
        return fail(
            ErrorCode::kResourceExhausted,
            here() + "more than " + std::to_string(kMaxValues) + " values, which is the limit");
      }
    }
    if (stack_.size() != 1 || !marks_.empty()) {
      return fail(ErrorCode::kCorrupt, here() + "ends with other than one value");
    }
    return std::move(stack_.back());
  }

 private:
  std::string here() const { return name_ + ": byte " + std::to_string(at_) + ": "; }
  Error cut_off() const {
    return {ErrorCode::kCorrupt, here() + "truncated: the pickle ends here"};
  }
  tl::unexpected<Error> corrupt(const std::string& what) const {
    return fail(ErrorCode::kCorrupt, here() + what);
  }
  tl::unexpected<Error> unknown(const std::string& what) const {
    return fail(ErrorCode::kInvalidArgument, here() + what + ": " + advice());
  }

  // Little-endian, of `bytes` bytes; nullopt at the end.
  std::optional<std::uint64_t> number(std::size_t bytes) {
    if (rest_.size() < bytes) return std::nullopt;
    std::uint64_t value = 0;
    for (std::size_t i = bytes; i-- > 0;) value = value << 8 | rest_[i];
    rest_ = rest_.subspan(bytes);
    return value;
  }
  std::optional<std::string> text(std::uint64_t bytes) {
    if (rest_.size() < bytes || bytes > kMaxTextBytes) return std::nullopt;
    std::string value(reinterpret_cast<const char*>(rest_.data()), bytes);
    rest_ = rest_.subspan(bytes);
    return value;
  }
  std::optional<std::string> line() {
    const auto end = std::find(rest_.begin(), rest_.end(), '\n');
    if (end == rest_.end()) return std::nullopt;
    auto value = text(static_cast<std::uint64_t>(end - rest_.begin()));
    rest_ = rest_.subspan(1);
    return value;
  }

  template <typename Kind>
  Status push(Kind kind, std::size_t depth = 0) {
    if (depth > kMaxDepth) {
      return fail(ErrorCode::kResourceExhausted,
                  here() + "nested more than " + std::to_string(kMaxDepth) + " deep");
    }
    stack_.push_back(Value{std::move(kind), depth});
    return {};
  }
  // How many values there are above the newest mark, or in all.
  std::size_t available() const { return stack_.size() - (marks_.empty() ? 0 : marks_.back()); }
  // The newest `count` values, in the order in which they were pushed.
  std::optional<Items> take(std::size_t count) {
    if (available() < count) return std::nullopt;
    const auto first = stack_.end() - static_cast<std::ptrdiff_t>(count);
    Items items(std::make_move_iterator(first), std::make_move_iterator(stack_.end()));
    stack_.erase(first, stack_.end());
    return items;
  }
  std::optional<Items> take_to_mark() {
    if (marks_.empty()) return std::nullopt;
    auto items = take(available());
    marks_.pop_back();
    return items;
  }

  static std::size_t depth_of(const Items& items) {
    std::size_t depth = 0;
    for (const Value& item : items) depth = std::max(depth, item.depth);
    return depth + 1;
  }
  Status push_tuple(std::optional<Items> items) {
    if (!items) return corrupt("a tuple of values that are not there");
    const std::size_t depth = depth_of(*items);
    return push(Tuple{std::make_shared<const Items>(*std::move(items))}, depth);
  }

  Status step(std::uint8_t opcode);
  Status step_number(std::uint8_t opcode);
  Status step_text(std::uint8_t opcode);
  Status step_memo(std::uint8_t opcode);
  Status add_items(std::optional<Items> items, bool are_entries);
  Status push_global();
  Status push_storage();
  Status call();
  Status push_tensor(const Items& arguments);

  std::span<const std::uint8_t> rest_;
  std::size_t all_;
  std::size_t at_ = 0;  // of the instruction
  const std::string& name_;
  Items stack_;
  std::vector<std::size_t> marks_;  // heights of the stack
  std::unordered_map<std::uint64_t, Value> memo_;
};

// The opcodes' letters and numbers are those of pickletools.
Status Machine::step(std::uint8_t opcode) {
  switch (opcode) {
    case 0x80: {  // PROTO
      const auto version = number(1);
      if (!version) return tl::unexpected<Error>(cut_off());
      if (*version >= 2 && *version <= 4) return {};
      return unknown("pickle protocol " + std::to_string(*version) + ", which is not from 2 to 4");
    }
    case 0x95:  // FRAME
      return number(8) ? Status() : tl::unexpected<Error>(cut_off());
    case '(':
      marks_.push_back(stack_.size());
      if (marks_.size() > kMaxValues) return corrupt("too many marks");
      return {};
    case 'N':
      return push(None{});
    case 0x88:
      return push(true);
    case 0x89:
      return push(false);
    case ')':
      return push_tuple(Items{});
    case 0x85:
    case 0x86:
    case 0x87:
      return push_tuple(take(opcode - std::size_t{0x84}));
    case 't':
      return push_tuple(take_to_mark());
    case ']':
      return push(List{std::make_shared<Items>()}, 1);
    case '}':
      return push(Dict{std::make_shared<std::vector<std::pair<Value, Value>>>()}, 1);
    case 'a':
      return add_items(take(1), false);
    case 'e':
      return add_items(take_to_mark(), false);
    case 's':
      return add_items(take(2), true);
    case 'u':
      return add_items(take_to_mark(), true);
    case 'c':
      return push_global();
    case 'Q':
      return push_storage();
    case 'R':
      return call();
    default:
      return step_number(opcode);
  }
}

Status Machine::step_number(std::uint8_t opcode) {
  std::optional<std::uint64_t> value;
  switch (opcode) {
    case 'K':
      value = number(1);
      break;
    case 'M':
      value = number(2);
      break;
    case 'J':
      value = number(4);
      if (value) value = static_cast<std::uint64_t>(static_cast<std::int32_t>(*value));
      break;
    case 0x8a: {  // LONG1
      const auto bytes = number(1);
      if (!bytes) return tl::unexpected<Error>(cut_off());
      if (*bytes > sizeof(std::int64_t)) return unknown("an integer of more than 8 bytes");
      value = number(*bytes);
      if (value && *bytes > 0 && *bytes < sizeof(std::int64_t) &&
          (*value >> (8 * *bytes - 1) & 1) != 0) {
        *value |= ~std::uint64_t{0} << (8 * *bytes);  // two's complement
      }
      break;
    }
    default:
      return step_text(opcode);
  }
  if (!value) return tl::unexpected<Error>(cut_off());
  return push(static_cast<std::int64_t>(*value));
}

Status Machine::step_text(std::uint8_t opcode) {
  std::optional<std::uint64_t> bytes;
  if (opcode == 'X') {
    bytes = number(4);
  } else if (opcode == 0x8c) {  // SHORT_BINUNICODE
    bytes = number(1);
  } else {
    return step_memo(opcode);
  }
  auto value = bytes ? text(*bytes) : std::nullopt;
  if (!value) return tl::unexpected<Error>(cut_off());
  return push(*std::move(value));
}

Status Machine::step_memo(std::uint8_t opcode) {
  if (opcode == 0x94) {  // MEMOIZE
    if (stack_.empty()) return corrupt("remembers a value that is not there");
    memo_[memo_.size()] = stack_.back();
    return {};
  }
  const bool is_put = opcode == 'q' || opcode == 'r';
  if (!is_put && opcode != 'h' && opcode != 'j') {
    constexpr std::string_view kDigits = "0123456789abcdef";
    return unknown(std::string("the pickle instruction 0x") + kDigits[opcode >> 4] +
                   kDigits[opcode & 15]);
  }
  const auto place = number(opcode == 'q' || opcode == 'h' ? 1 : 4);
  if (!place) return tl::unexpected<Error>(cut_off());
  if (is_put) {
    if (stack_.empty()) return corrupt("remembers a value that is not there");
    memo_[*place] = stack_.back();
    return {};
  }
  const auto found = memo_.find(*place);
  if (found == memo_.end()) return corrupt("recalls a value that was not remembered");
  return push(found->second.is, found->second.depth);
}

// To the list or dictionary that is then the newest value.
Status Machine::add_items(std::optional<Items> items, bool are_entries) {
  if (!items || available() < 1) return corrupt("adds values that are not there");
  // None of what is taken can hold a list or dictionary, so nothing holds itself.
  Value& target = stack_.back();
  if (auto* list = std::get_if<List>(&target.is); list != nullptr && !are_entries) {
    for (const Value& item : *items) {
      if (item.depth > 0) return unknown("a list of other than numbers and text");
    }
    std::move(items->begin(), items->end(), std::back_inserter(*list->items));
    return {};
  }
  auto* dict = std::get_if<Dict>(&target.is);
  if (dict == nullptr || !are_entries || items->size() % 2 != 0) {
    return corrupt("adds to something that is neither a list nor a dictionary");
  }
  for (std::size_t i = 0; i < items->size(); i += 2) {
    if ((*items)[i].depth > 0 || std::holds_alternative<Dict>((*items)[i + 1].is) ||
        std::holds_alternative<List>((*items)[i + 1].is) ||
        std::holds_alternative<Tuple>((*items)[i + 1].is)) {
      return unknown("a dictionary with lists, tuples or dictionaries in it");
    }
    dict->entries->emplace_back(std::move((*items)[i]), std::move((*items)[i + 1]));
  }
  return {};
}

Status Machine::push_global() {
  auto module = line();
  auto name = module ? line() : std::nullopt;
  if (!name) return tl::unexpected<Error>(cut_off());
  const bool is_known = (*module == "torch._utils" && *name == "_rebuild_tensor_v2") ||
                        (*module == "collections" && *name == "OrderedDict") ||
                        (*module == "torch" && name->ends_with(kStorageSuffix));
  if (!is_known) return unknown("names " + quoted(*module + " " + *name));
  return push(Global{*std::move(module), *std::move(name)});
}

Status Machine::push_storage() {
  const auto id = take(1);
  if (!id) return corrupt("a persistent id that is not there");
  const auto* tuple = std::get_if<Tuple>(&id->front().is);
  constexpr std::size_t kFields = 5;  // "storage", type, key, location, count
  if (tuple == nullptr || tuple->items->size() != kFields) return unknown("a persistent id");
  const Items& items = *tuple->items;
  const auto* word = std::get_if<std::string>(&items[0].is);
  const auto* type = std::get_if<Global>(&items[1].is);
  const auto* key = std::get_if<std::string>(&items[2].is);
  const auto* count = std::get_if<std::int64_t>(&items[4].is);
  if (word == nullptr || *word != "storage" || type == nullptr || type->module != "torch" ||
      key == nullptr || count == nullptr) {
    return unknown("a persistent id that is no storage");
  }
  return push(Storage{type->name, *key, *count});
}

Status Machine::call() {
  const auto operands = take(2);
  if (!operands) return corrupt("calls what is not there");
  const auto* function = std::get_if<Global>(&operands->front().is);
  const auto* arguments = std::get_if<Tuple>(&operands->back().is);
  if (function == nullptr || arguments == nullptr) return corrupt("calls what is no global");
  if (function->name == "OrderedDict") {
    if (!arguments->items->empty()) return unknown("an OrderedDict with arguments");
    return push(Dict{std::make_shared<std::vector<std::pair<Value, Value>>>()}, 1);
  }
  if (function->name == "_rebuild_tensor_v2") return push_tensor(*arguments->items);
  return unknown("calls " + quoted(function->module + " " + function->name));
}

// (storage, offset, size, stride, requires_grad, backward_hooks[, metadata])
Status Machine::push_tensor(const Items& arguments) {
  if (arguments.size() < 6) return corrupt("a tensor of too few arguments");
  const auto* storage = std::get_if<Storage>(&arguments[0].is);
  const auto* offset = std::get_if<std::int64_t>(&arguments[1].is);
  const auto* size = std::get_if<Tuple>(&arguments[2].is);
  const auto* stride = std::get_if<Tuple>(&arguments[3].is);
  if (storage == nullptr || offset == nullptr || size == nullptr || stride == nullptr) {
    return corrupt("a tensor of other arguments than (storage, offset, size, stride, ...)");
  }
  Tensor tensor{*storage, *offset, {}, {}};
  for (const auto& [from, to] :
       {std::pair(size, &tensor.size), std::pair(stride, &tensor.stride)}) {
    for (const Value& item : *from->items) {
      const auto* extent = std::get_if<std::int64_t>(&item.is);
      if (extent == nullptr) return corrupt("a tensor's size or stride that is no number");
      to->push_back(*extent);
    }
  }
  return push(std::move(tensor));
}

}  // namespace

Result<Value> parse(std::span<const std::uint8_t> bytes, const std::string& name) {
  if (bytes.size() > kMaxBytes) {
    return fail(ErrorCode::kResourceExhausted,
                name + ": a pickle of " + std::to_string(bytes.size()) + " bytes: the limit is " +
                    std::to_string(kMaxBytes));
  }
  return Machine(bytes, name).run();
}

}  // namespace skiptrain::data::pickle
