# SPDX-License-Identifier: MIT
# Completes a page that is written by hand: see man.sh.
function copy(file,    line, count) {
    count = 0
    while ((getline line <file) > 0) {
        print line
        count++
    }
    close(file)
    return count
}
function copy_code(file,    line, text) {
    text = ""
    while ((getline line <file) > 0)
        if (line !~ /SPDX/ && line !~ /^#!/) text = text line "\n"
    close(file)
    printf "%s", literal(text)
    return text != ""
}
/^@.*@$/ {
    found = 1
    if ($0 == "@synopsis@") found = copy(synopsis)
    else if ($0 == "@verbs@") found = copy(verbs)
    else if (/^@example .*@$/) found = copy_code(examples "/" substr($0, 10, length($0) - 10))
    else found = 0
    if (!found) {
        print FILENAME ": nothing stands for " $0 >"/dev/stderr"
        exit 1
    }
    next
}
{
    gsub(/%date%/, date)
    gsub(/%version%/, version)
    print
}
