# SPDX-License-Identifier: MIT
# Prints the links between pages that lead nowhere.
#   awk -f links.awk PAGE…        with paths from the site's folder
FNR == 1 {
    exists[FILENAME] = 1
    folder = FILENAME
    if (!sub(/\/[^\/]*$/, "/", folder)) folder = ""
}
{
    text = $0
    while (match(text, /(id|href|src)="[^"]*"/)) {
        found = substr(text, RSTART, RLENGTH - 1)
        text = substr(text, RSTART + RLENGTH)
        value = substr(found, index(found, "\"") + 1)
        if (found ~ /^id/) place[FILENAME "#" value] = 1
        else if (value !~ /^(data|https?|mailto):/) {
            links[++count] = value
            from[count] = FILENAME
            base[count] = folder
        }
    }
}
END {
    exists["style.css"] = 1
    for (i = 1; i <= count; i++) {
        to = links[i]
        anchor = ""
        if (match(to, /#.*/)) {
            anchor = substr(to, RSTART)
            to = substr(to, 1, RSTART - 1)
        }
        to = to == "" ? from[i] : base[i] to
        while (sub(/[^\/.][^\/]*\/\.\.\//, "", to)) continue
        if (!(to in exists)) print from[i] ": there is no " links[i]
        else if (anchor != "" && !((to anchor) in place)) print from[i] ": there is no place " links[i]
    }
}
