#!/bin/sh
# The environment of a pull request, for .github/workflows/environment.yml:
#
#   environment.sh up 12      makes or updates stack pr-12 and says its URL on the pull request
#   environment.sh down 12    destroys it
#   environment.sh sweep      destroys those whose pull request is closed or has lost the label
#
# Its settings are those of stack dev; SETTINGS_OF names another.
set -eu

label=environment
marker='<!-- lambda-web environment -->'

up() {
  number=$1 stack=pr-$1
  pulumi stack select --create "$stack" --non-interactive
  pulumi config cp --stack "${SETTINGS_OF:-dev}" --dest "$stack"
  pulumi config set --stack "$stack" --path tags.PullRequest "$number"
  pulumi up --stack "$stack" --yes --skip-preview --non-interactive
  url=$(pulumi stack output siteUrl --stack "$stack" 2>/dev/null) || url=$(pulumi stack output url --stack "$stack")
  say "$number" "This pull request runs at $url/ (stack \`$stack\`). It is destroyed when the label \`$label\` or the pull request goes."
}

down() {
  number=$1 stack=pr-$1
  if ! pulumi stack select "$stack" --non-interactive 2>/dev/null; then
    echo "There is no stack $stack."
    return
  fi
  pulumi destroy --stack "$stack" --yes --skip-preview --non-interactive --remove
  say "$number" "The environment of this pull request was destroyed."
}

# say puts one comment on the pull request and changes it from then on.
say() {
  comments="repos/{owner}/{repo}/issues/$1/comments"
  id=$(gh api --paginate "$comments" --jq ".[] | select(.body | startswith(\"$marker\")) | .id" | head -n 1)
  if [ -n "$id" ]; then
    gh api --silent --method PATCH "repos/{owner}/{repo}/issues/comments/$id" -f body="$marker
$2"
  else
    gh api --silent --method POST "$comments" -f body="$marker
$2"
  fi
}

# sweep goes on after a stack that cannot be destroyed, and fails in the end.
sweep() {
  failed=0
  stacks=$(pulumi stack ls --json)
  for number in $(echo "$stacks" | sed -n 's|.*"name": "\(.*/\)\{0,1\}pr-\([0-9][0-9]*\)".*|\2|p'); do
    wanted=$(gh pr view "$number" --json state,labels --jq "select(.state == \"OPEN\") | .labels[].name | select(. == \"$label\")") || {
      echo "Pull request $number cannot be looked at; its environment stays."
      failed=1
      continue
    }
    [ -n "$wanted" ] || "$0" down "$number" || failed=1
  done
  return $failed
}

case ${1:-} in
  up | down) "$1" "${2:?the number of the pull request is missing}" ;;
  sweep) sweep ;;
  *) echo "environment.sh: use up NUMBER, down NUMBER or sweep" >&2; exit 2 ;;
esac
