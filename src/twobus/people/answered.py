"""What forges answer when they are asked who reviewed what, as far as it is read."""

from pydantic import BaseModel, Field

from twobus.web import Items, Login


class _Person(BaseModel):
    login: Login


class _Reviewer(_Person):
    typename: str = Field(alias="__typename")


class _Oid(BaseModel):
    oid: str


class _Author(BaseModel):
    email: str | None
    user: _Person | None


class _Inside(_Oid):
    author: _Author | None


class _Node(BaseModel):
    commit: _Inside


class _Commits(BaseModel):
    nodes: Items[_Node]


class _Review(BaseModel):
    author: _Reviewer | None


class _Reviews(BaseModel):
    nodes: Items[_Review]


class _Pull(BaseModel):
    """A merged pull request."""

    updated: str = Field(alias="updatedAt")
    merge: _Oid | None = Field(alias="mergeCommit")
    author: _Person | None
    commits: _Commits
    reviews: _Reviews


class _Page(BaseModel):
    more: bool = Field(alias="hasNextPage")
    end: str | None = Field(alias="endCursor")


class _Pulls(BaseModel):
    page: _Page = Field(alias="pageInfo")
    nodes: Items[_Pull]


class _Repository(BaseModel):
    pulls: _Pulls = Field(alias="pullRequests")


class _Data(BaseModel):
    repository: _Repository


class GitHub(BaseModel):
    """A page of merged pull requests."""

    data: _Data


class _User(BaseModel):
    username: Login


class Merged(BaseModel):
    """A merged merge request of GitLab."""

    iid: int
    updated_at: str
    author: _User
    squash_commit_sha: str | None = None
    merge_commit_sha: str | None = None


class _Approval(BaseModel):
    user: _User


class Approvals(BaseModel):
    """Who approved a merge request."""

    approved_by: Items[_Approval]


class Commit(BaseModel):
    """A commit of a merge request."""

    id: str
    author_email: str
