// Builders of the key table's entries, one per kind of value. Internal to this folder.
//
// Each takes an accessor, a generic lambda that returns the field by reference from a const or a
// mutable owner, so that reading and showing cannot point at different fields.
#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "daemon/config/keys.h"
#include "daemon/config/values.h"

namespace skiptrain::daemon::keys {

struct IntegerRange {
  std::int64_t min = 0;
  std::int64_t max = std::numeric_limits<std::int64_t>::max();

  bool contains(std::int64_t value) const { return value >= min && value <= max; }
  std::string text() const {
    if (max == std::numeric_limits<std::int64_t>::max()) {
      return "an integer of " + std::to_string(min) + " or more";
    }
    return "an integer from " + std::to_string(min) + " to " + std::to_string(max);
  }
};

struct NumberRange {
  double min = -std::numeric_limits<double>::max();
  double max = std::numeric_limits<double>::max();
  bool min_excluded = false;
  bool max_excluded = false;
  std::string_view text;

  bool contains(double value) const {
    if (!std::isfinite(value)) return false;
    return (min_excluded ? value > min : value >= min) &&
           (max_excluded ? value < max : value <= max);
  }
};

// Works for std::uint64_t, std::uint32_t, int and NodeId.
template <typename T, typename Get>
Key<T> integer(std::string path, Get get, IntegerRange range, std::string meaning) {
  using Field = std::remove_cvref_t<decltype(get(std::declval<T&>()))>;
  const auto read = [get, range](T& owner, const Value& value) -> Complaint {
    const auto* number = std::get_if<std::int64_t>(&value);
    if (number == nullptr || !range.contains(*number)) return range.text();
    if constexpr (std::is_integral_v<Field>) {
      get(owner) = static_cast<Field>(*number);
    } else {
      get(owner) = Field(static_cast<std::uint64_t>(*number));
    }
    return std::nullopt;
  };
  const auto show = [get](const T& owner) -> std::optional<std::string> {
    if constexpr (std::is_integral_v<Field>) {
      return std::to_string(get(owner));
    } else {
      return to_string(get(owner));
    }
  };
  return {std::move(path), std::move(meaning), read, show};
}

// For double and std::optional<double>.
template <typename T, typename Get>
Key<T> number(std::string path, Get get, NumberRange range, std::string meaning) {
  using Field = std::remove_cvref_t<decltype(get(std::declval<T&>()))>;
  const auto read = [get, range](T& owner, const Value& value) -> Complaint {
    double number = std::numeric_limits<double>::quiet_NaN();
    if (const auto* whole = std::get_if<std::int64_t>(&value)) {
      number = static_cast<double>(*whole);
    } else if (const auto* real = std::get_if<double>(&value)) {
      number = *real;
    }
    if (!range.contains(number)) return std::string(range.text);
    get(owner) = number;
    return std::nullopt;
  };
  const auto show = [get](const T& owner) -> std::optional<std::string> {
    if constexpr (std::is_same_v<Field, double>) {
      return number_text(get(owner));
    } else {
      if (!get(owner)) return std::nullopt;
      return number_text(*get(owner));
    }
  };
  return {std::move(path), std::move(meaning), read, show};
}

// A number, or a list of 1 to `max_length` of them, for a std::vector<double>; a list of one is
// shown as the number.
template <typename T, typename Get>
Key<T> numbers(std::string path, Get get, std::size_t max_length, NumberRange range,
               std::string meaning) {
  const auto read = [get, max_length, range](T& owner, const Value& value) -> Complaint {
    std::vector<double> list;
    if (const auto* whole = std::get_if<std::int64_t>(&value)) {
      list = {static_cast<double>(*whole)};
    } else if (const auto* real = std::get_if<double>(&value)) {
      list = {*real};
    } else if (const auto* wholes = std::get_if<std::vector<std::int64_t>>(&value)) {
      list.assign(wholes->begin(), wholes->end());
    } else if (const auto* reals = std::get_if<std::vector<double>>(&value)) {
      list = *reals;
    }
    bool good = !list.empty() && list.size() <= max_length;
    for (const double number : list) good = good && range.contains(number);
    if (!good) {
      return std::string(range.text) + ", or a list of up to " + std::to_string(max_length);
    }
    get(owner) = std::move(list);
    return std::nullopt;
  };
  const auto show = [get](const T& owner) -> std::optional<std::string> {
    std::string items;
    for (const double number : get(owner))
      items += (items.empty() ? "" : ", ") + number_text(number);
    return get(owner).size() == 1 ? items : "[" + items + "]";
  };
  return {std::move(path), std::move(meaning), read, show};
}

template <typename T, typename Get>
Key<T> boolean(std::string path, Get get, std::string meaning) {
  const auto read = [get](T& owner, const Value& value) -> Complaint {
    const auto* flag = std::get_if<bool>(&value);
    if (flag == nullptr) return "true or false";
    get(owner) = *flag;
    return std::nullopt;
  };
  const auto show = [get](const T& owner) -> std::optional<std::string> {
    return get(owner) ? "true" : "false";
  };
  return {std::move(path), std::move(meaning), read, show};
}

// A string that `check` accepts (Complaint(const std::string&)), for std::string and paths.
template <typename T, typename Get, typename Check>
Key<T> text(std::string path, Get get, Check check, std::string meaning) {
  using Field = std::remove_cvref_t<decltype(get(std::declval<T&>()))>;
  const auto read = [get, check](T& owner, const Value& value) -> Complaint {
    const auto* string = std::get_if<std::string>(&value);
    if (string == nullptr) return "a string";
    if (string->find('\0') != std::string::npos) return "without NUL characters";
    if (Complaint complaint = check(*string)) return complaint;
    get(owner) = *string;
    return std::nullopt;
  };
  const auto show = [get](const T& owner) -> std::optional<std::string> {
    if constexpr (std::is_same_v<Field, std::filesystem::path>) {
      return toml_string(get(owner).native());
    } else {
      return toml_string(get(owner));
    }
  };
  return {std::move(path), std::move(meaning), read, show};
}

// One of the values of an enum that has `to_string`.
template <typename T, typename Get, typename E>
Key<T> choice(std::string path, Get get, std::span<const E> all, std::string meaning) {
  const auto read = [get, all](T& owner, const Value& value) -> Complaint {
    const auto* string = std::get_if<std::string>(&value);
    std::string allowed;
    for (const E option : all) {
      if (string != nullptr && to_string(option) == *string) {
        get(owner) = option;
        return std::nullopt;
      }
      allowed += (allowed.empty() ? "" : ", ") + toml_string(to_string(option));
    }
    return "one of " + allowed;
  };
  const auto show = [get](const T& owner) -> std::optional<std::string> {
    return toml_string(to_string(get(owner)));
  };
  return {std::move(path), std::move(meaning), read, show};
}

// For Duration, and for std::optional<Duration>, where nullopt is written "auto".
template <typename T, typename Get>
Key<T> duration(std::string path, Get get, std::pair<Duration, Duration> range,
                std::string meaning) {
  using Field = std::remove_cvref_t<decltype(get(std::declval<T&>()))>;
  constexpr bool kHasAuto = !std::is_same_v<Field, Duration>;
  const auto read = [get, range](T& owner, const Value& value) -> Complaint {
    const auto* string = std::get_if<std::string>(&value);
    if constexpr (kHasAuto) {
      if (string != nullptr && *string == "auto") {
        get(owner) = std::nullopt;
        return std::nullopt;
      }
    }
    const auto time = string != nullptr ? parse_duration(*string) : std::nullopt;
    if (!time || *time < range.first || *time > range.second) {
      return std::string(kHasAuto ? "\"auto\" or " : "") + "a time from \"" +
             duration_text(range.first) + "\" to \"" + duration_text(range.second) +
             "\" (units ms, s, m, h)";
    }
    get(owner) = *time;
    return std::nullopt;
  };
  const auto show = [get](const T& owner) -> std::optional<std::string> {
    if constexpr (kHasAuto) {
      return get(owner) ? toml_string(duration_text(*get(owner))) : "\"auto\"";
    } else {
      return toml_string(duration_text(get(owner)));
    }
  };
  return {std::move(path), std::move(meaning), read, show};
}

template <typename T, typename Get>
Key<T> integer_list(std::string path, Get get, std::size_t max_length, IntegerRange range,
                    std::string meaning) {
  const auto read = [get, max_length, range](T& owner, const Value& value) -> Complaint {
    const auto* list = std::get_if<std::vector<std::int64_t>>(&value);
    bool good = list != nullptr && !list->empty() && list->size() <= max_length;
    if (good) {
      for (const std::int64_t item : *list) good = good && range.contains(item);
    }
    if (!good) {
      return "a list of 1 to " + std::to_string(max_length) + " items, each " + range.text();
    }
    get(owner) = *list;
    return std::nullopt;
  };
  const auto show = [get](const T& owner) -> std::optional<std::string> {
    std::string items;
    for (const std::int64_t item : get(owner)) {
      items += (items.empty() ? "" : ", ") + std::to_string(item);
    }
    return "[" + items + "]";
  };
  return {std::move(path), std::move(meaning), read, show};
}

// A list of up to `max_length` strings, each accepted by `check`; it may be empty.
template <typename T, typename Get, typename Check>
Key<T> text_list(std::string path, Get get, std::size_t max_length, Check check,
                 std::string meaning) {
  const auto read = [get, max_length, check](T& owner, const Value& value) -> Complaint {
    const auto* list = std::get_if<std::vector<std::string>>(&value);
    const auto* none = std::get_if<std::vector<std::int64_t>>(&value);
    if (none != nullptr && none->empty()) {
      get(owner).clear();
      return std::nullopt;
    }
    if (list == nullptr || list->size() > max_length) {
      return "a list of at most " + std::to_string(max_length) + " strings";
    }
    for (const std::string& item : *list) {
      if (Complaint complaint = check(item)) {
        return "a list of strings, each " + *complaint + "; " + toml_string(item) + " is not";
      }
    }
    get(owner) = *list;
    return std::nullopt;
  };
  const auto show = [get](const T& owner) -> std::optional<std::string> {
    std::string items;
    for (const std::string& item : get(owner)) {
      items += (items.empty() ? "" : ", ") + toml_string(item);
    }
    return "[" + items + "]";
  };
  return {std::move(path), std::move(meaning), read, show};
}

template <typename T>
Key<T> required(Key<T> key) {
  key.required = true;
  return key;
}
template <typename T>
Key<T> live(Key<T> key) {
  key.live = true;
  return key;
}
template <typename T>
Key<T> secret(Key<T> key) {
  key.secret = true;
  return key;
}
template <typename T>
Key<T> shared(Key<T> key) {
  key.shared = true;
  return key;
}

// A shared key that came later than the first release with runs.
template <typename T>
Key<T> shared_unless_default(Key<T> key) {
  key.shared = key.silent_default = true;
  return key;
}

inline Complaint an_address(const std::string& text) {
  if (parse_host_port(text)) return std::nullopt;
  return "HOST:PORT or [IPV6]:PORT with a port up to 65535";
}

inline Complaint an_address_or_empty(const std::string& text) {
  return text.empty() ? std::nullopt : an_address(text);
}

inline Complaint not_empty(const std::string& text) {
  return text.empty() ? Complaint("a path, not empty") : std::nullopt;
}

// Text whose absence is no value of its own: the checks across keys know what it means.
template <typename T, typename Get, typename Check>
Key<T> optional_text(std::string path, Get get, Check check, std::string meaning) {
  Key<T> key = text<T>(std::move(path), get, check, std::move(meaning));
  key.show = [get, show = key.show](const T& owner) {
    return get(owner).empty() ? std::nullopt : show(owner);
  };
  return key;
}

}  // namespace skiptrain::daemon::keys
