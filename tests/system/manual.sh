#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The manual page is well formed, and knows all that --help does.
# shellcheck disable=SC1091,SC2016,SC2154
. "$(dirname "$0")/lib.bash"

page=$top/docs/man/pinnace.1
text=$scratch/text

if mandoc -T lint -W warning "$page" >"$scratch/lint" 2>&1; then
    pass manual_page_is_well_formed
else
    fail manual_page_is_well_formed "mandoc has warnings" "$scratch/lint"
fi
# As plain text in one long line a paragraph, with nothing struck over.
mandoc -T ascii -O width=1000 "$page" | sed 's/.\x08//g' >"$text"

"$pinnace" run --help >"$scratch/help"
"$pinnace" create --help >"$scratch/create-help"
mapfile -t options < <(cat "$scratch/help" "$scratch/create-help" |
    grep -o -- '^  --[a-z-]*' | tr -d ' ' | sort -u)
if [ ${#options[@]} -lt 10 ]; then
    fail help_lists_the_options "there are just: ${options[*]}" "$scratch/help"
fi
for option in "${options[@]}"; do
    if grep -Eq "^ +$option( [A-Z]+)?(  .*)?$" "$text"; then
        pass "manual_page_has_$option"
    else
        fail "manual_page_has_$option" "it has no paragraph of its own there"
    fi
done
mapfile -t described < <(grep -Eo '^ {5}--[a-z-]+( [A-Z]+)?(  |$)' "$text" | grep -o -- '--[a-z-]*' | sort)
if [ "$(printf '%s\n' "${options[@]}" | sort)" = "$(printf '%s\n' "${described[@]}")" ]; then
    pass manual_page_has_no_option_that_help_lacks
else
    fail manual_page_has_no_option_that_help_lacks "it has: ${described[*]}"
fi

of_help=$(sed -n '/^Exit status:/,$s/^ *\([0-9]\{1,3\}\)  .*/\1/p' "$scratch/help" | tr '\n' ' ')
of_page=$(sed -n '/^EXIT STATUS/,/^EXAMPLES/s/^ *\([0-9]\{1,3\}\)\( .*\)\{0,1\}$/\1/p' "$text" |
    tr '\n' ' ')
if [ "$of_help" = "$of_page" ] && [ "$of_help" = "0 1 2 3 4 5 6 7 8 9 10 128 " ]; then
    pass manual_page_has_the_same_exit_statuses_as_help
else
    fail manual_page_has_the_same_exit_statuses_as_help "they are $of_page; help has $of_help"
fi
for command in $("$pinnace" --help | sed -n 's/^  \([a-z-]*\) .*/\1/p'); do
    expect_text "manual_page_has_the_command_$command" "$text" "pinnace $command"
done
for key in $(sed -n '/^static const struct key {/,/^};/s/^    {"\([a-z_]*\)", .*/\1/p' \
    "$top/tools/control/config.c"); do
    if grep -Eq "^ +$key( |$)" "$text"; then
        pass "manual_page_has_the_key_$key"
    else
        fail "manual_page_has_the_key_$key" "it has no paragraph of its own there"
    fi
done
