# SPDX-License-Identifier: MIT
# Parts of zcnet(1) from what the tool says of itself.
#   LC_ALL=C awk -v part=verbs -f mdoc.awk -f tool_man.awk       reads "zcnet --help", prints the names of the verbs
#   LC_ALL=C awk -v part=synopsis …                              reads "zcnet VERB --help"
#   LC_ALL=C awk -v part=description …                           the same

part == "verbs" {
    if (/^  [a-z]+  +[a-z]/) print $1
    next
}
FNR == 1 && /^usage: zcnet / {
    sub(/^usage: zcnet /, "")
    if (part == "synopsis") {
        print ".Nm\n.Cm \"" escape($0) "\\&\""
        done = 1
        exit 0
    }
    print ".Ss zcnet " escape($1)
    print ".Cm \"zcnet " escape($0) "\\&\"\n.Pp"
    next
}
FNR == 1 {
    print "tool_man.awk: this is no help: " $0 >"/dev/stderr"
    exit 1
}
$0 == "options:" {
    printf "%s", paragraphs(about)
    about = ""
    in_options = 1
    print ".Bl -tag -width Ds"
    next
}
in_options && /^  --/ {
    print_option()
    option = $0
    sub(/^ +/, "", option)
    match(option, /  +/) || match(option, /$/)
    help = substr(option, RSTART + RLENGTH)
    option = substr(option, 1, RSTART - 1)
    next
}
in_options {
    help = help " " $0
    next
}
{ about = about (about == "" ? "" : "\n") $0 }
END {
    if (part != "description") exit
    if (!in_options) {
        print "tool_man.awk: a help without options" >"/dev/stderr"
        exit 1
    }
    print_option()
    print ".El"
}

function print_option(    at, name) {
    if (option == "") return
    at = index(option " ", " ")
    name = escape(substr(option, 2, at - 2))
    gsub(/^ +/, "", help)
    print ".It Fl " name (at <= length(option) ? " Ar " escape(substr(option, at + 1)) : "")
    printf "%s", flow(help)
    option = ""
}
