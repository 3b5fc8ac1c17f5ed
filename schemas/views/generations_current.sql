-- Which generation of each object is the newest? One row per object with a generation in recordings, failures, or
-- erasures. An object whose newest generation is erased has no row, so no older generation appears in its place.
-- This view reads two columns of all days: a newer generation can be of any day.
WITH
newest_generations AS (
  SELECT uri, MAX(generation) AS generation
  FROM (
    SELECT uri, generation FROM `${dataset}.recordings`
    UNION ALL
    SELECT uri, generation FROM `${dataset}.failures` WHERE uri IS NOT NULL AND generation IS NOT NULL
  )
  GROUP BY uri
),
erased_generations AS (
  SELECT object_sha256, MAX(generation) AS generation
  FROM `${dataset}.erasures_current`
  WHERE object_sha256 IS NOT NULL
  GROUP BY object_sha256
)
SELECT n.uri, n.generation
FROM newest_generations AS n
LEFT JOIN erased_generations AS e ON e.object_sha256 = TO_HEX(SHA256(n.uri))
WHERE e.generation IS NULL OR e.generation < n.generation
